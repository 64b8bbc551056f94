/** Code that says more than is read of it is interrupted, and its kernel is free again, with its variables. */
import assert from "node:assert/strict";
import type { Execution } from "../../supabase/functions/_shared/contract/execute_code.ts";
import { invoke, newPath, user } from "../support/clients.ts";
import { stream, text } from "../support/event_stream.ts";
import { at, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { useNotebook } from "../support/notebook.ts";
import { endsNoted } from "../support/settle.ts";

const LIMIT_BYTES = 1_000_000;
const faulty = useFaultyStack({ env: { OUTPUT_LIMIT_BYTES: String(LIMIT_BYTES) } });
const notebook = useNotebook(faulty);

/** Says a hundred characters a line, each line its number, and yields. */
const flood = "n = 0\nwhile True:\n    n += 1\n    print(f'{n:>99}')";
/** The same, and ignores the interrupt, as a C extension in a loop does. */
const stubbornFlood = `while True:
    try:
        while True: print('x' * 99)
    except BaseException: pass`;

/** That it was cut off at the limit, with what is kept of a flood. */
function assertCutOff({ status, stdout, error, truncated, kernel_restarted }: Execution): void {
  assert.deepEqual([status, error, kernel_restarted], ["output_limit", null, false]);
  const lines = stdout.split("\n");
  assert.equal(lines[0].trimStart(), "1");
  assert(stdout.length > 20_000 && stdout.length < 21_000, `${stdout.length} characters are kept`);
  assert(truncated && truncated.stdout > LIMIT_BYTES / 4 && truncated.stdout < LIMIT_BYTES, JSON.stringify(truncated));
  // The tail follows on what is left out.
  const [first, ...rest] = lines.slice(lines.findLastIndex((line) => line.startsWith("…")) + 2, -1).map(Number);
  assert.deepEqual(rest, rest.map((_, index) => first + 1 + index));
}

Deno.test("its head and its tail are kept, what was read is counted, and its variables are there", async () => {
  const { client, path, run } = await notebook();
  await run("kept = 'yes'");
  const late = await invoke(client, "execute-code", { ...path, code: flood });
  assertCutOff(late.execution);
  const next = await invoke(client, "execute-code", { ...path, code: "before = n\nkept, n > 0, n == before" });
  assert.equal(next.execution.results[0].text, "('yes', True, True)");
  assert.deepEqual([next.state_id, next.previous], [late.state_id, null]);
  await endsNoted(faulty.sql, { ...path, execution_id: late.execution_id });
  const [row] = await faulty.sql`
    select status, error_name, output_bytes::int from copilot_internal.executions where id = ${late.execution_id}`;
  const { truncated, stdout } = late.execution;
  assert.deepEqual([row.status, row.error_name], ["output_limit", null]);
  assert(row.output_bytes >= (truncated?.stdout ?? NaN) + 20_000, `${row.output_bytes}, of ${stdout.length} kept`);
  assert(row.output_bytes <= LIMIT_BYTES);
});

Deno.test("a stream tells the same", async () => {
  const { client, path, run } = await notebook();
  const events = await (await stream(client, { ...path, code: flood })).rest();
  const end = events.at(-1);
  assert.deepEqual([end?.event, end?.data.status, end?.data.kernel_restarted], ["end", "output_limit", false]);
  const said = text(events, "stdout");
  assert(said.length > 20_000 && said.length < 21_000, `${said.length} characters are kept`);
  assert.equal((await run("n > 0")).results[0].text, "True");
});

Deno.test("results and what is said on stderr count as well", async () => {
  const { run } = await notebook();
  const shown = await run("big = 'x' * 100_000\nwhile True: display({'text/html': big}, raw=True)");
  assert.equal(shown.status, "output_limit");
  assert.deepEqual(shown.results.map(({ html }) => html), Array(9).fill("x".repeat(100_000)));
  assert.deepEqual(shown.truncated, { stdout: 0, stderr: 0, results: 1 });
  const said = await run("import sys\nwhile True: print('x' * 99, file=sys.stderr)");
  assert.equal(said.status, "output_limit");
  assert(said.truncated && said.truncated.stderr > 0);
});

Deno.test("one of many messages of a few characters is cut off sooner: each costs more than its bytes", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const messages = Array.from({ length: 10_000 }, (_, index) => `{"type":"stdout","text":"${index % 10}"}\n`);
  faulty.proxy.intercept(at.execute, { kind: "answer", status: 200, text: messages.join("") });
  const { execution } = await invoke(client, "execute-code", { ...path, ...quick, code: "1" });
  assert.equal(execution.status, "output_limit");
  assert(execution.stdout.length > 1_000 && execution.stdout.length < 5_000, `${execution.stdout.length} were read`);
});

Deno.test("a repeat of its key gets the same answer, and nothing runs again", async () => {
  const { client, path, run } = await notebook();
  await run("runs = 0");
  const body = { ...path, code: `runs += 1\n${flood}`, idempotency_key: "flood" };
  const first = await invoke(client, "execute-code", body);
  assertCutOff(first.execution);
  const repeat = await invoke(client, "execute-code", body);
  assert.deepEqual([repeat.replayed, repeat.execution], [true, first.execution]);
  const events = await (await stream(client, body)).rest();
  assert.equal(text(events, "stdout"), first.execution.stdout);
  assert.equal(events.at(-1)?.data.status, "output_limit");
  assert.equal((await run("runs")).results[0].text, "1");
});

Deno.test("where no interrupt can be sent, the connection is dropped", async () => {
  const { run } = await notebook();
  await run("kept = 'yes'");
  const hold = faulty.database.intercept(at.hold, { kind: "answer", status: 401 });
  assertCutOff(await run(flood));
  assert.equal(hold.left(), 0);
  assert.equal((await run("kept, n > 0")).results[0].text, "('yes', True)");
});

Deno.test("a flood that does not yield loses its kernel, and the next one is told", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const late = await invoke(client, "execute-code", { ...path, code: stubbornFlood });
  assert.deepEqual([late.execution.status, late.execution.kernel_restarted], ["output_limit", true]);
  const next = await invoke(client, "execute-code", { ...path, code: "1" });
  assert.deepEqual([next.execution.execution_count, next.previous?.termination_reason], [1, "kernel_restarted"]);
  assert.deepEqual([next.context.id, next.state_id], [late.context.id, late.state_id]);
});
