/** One row an execution and the seconds of each sandbox: what a service asks for when it bills, and nothing of the code. */
import assert from "node:assert/strict";
import { z } from "zod";
import { invoke, newPath, refused, service, user } from "../support/clients.ts";
import { stream } from "../support/event_stream.ts";
import { at, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { BEGUN_BY_MILLISECONDS } from "../support/programs.ts";
import { endsNoted, eventually } from "../support/settle.ts";

const faulty = useFaultyStack({ functions: 2 });

interface Row {
  id: string;
  status: string;
  language: string;
  finished_at: Date | null;
  duration_ms: number | null;
  output_bytes: string | null;
  error_name: string | null;
}

const ledger = async (contextId: string) => [
  ...await faulty.sql<Row[]>`
    select id, status, language, finished_at, duration_ms, output_bytes, error_name
    from copilot_internal.executions where context_id = ${contextId} order by started_at`,
];

Deno.test("one row each, with its status, duration, bytes and exception", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "execute-code", { ...path, code: "print('é' * 100_000)" });
  const failed = await invoke(client, "execute-code", { ...path, code: "class Odd(Exception): pass\nraise Odd('x')" });
  const { execution: late } = await invoke(client, "execute-code", {
    ...path,
    code: "import time\ntime.sleep(60)",
    timeout_ms: BEGUN_BY_MILLISECONDS,
  });

  await endsNoted(faulty.sql, path);
  const rows = await ledger(context.id);
  assert.deepEqual(rows.map(({ status, error_name }) => [status, error_name]), [
    ["ok", null],
    ["error", "Odd"],
    // The interrupt's, unless it took so long that the connection was dropped.
    ["timed_out", late.error?.name ?? null],
  ]);
  // Of all that was said, what was left out of the answer included.
  assert.equal(rows[0].output_bytes, "200001");
  assert.equal(rows[1].duration_ms, failed.execution.duration_ms);
  assert(rows.every(({ language, finished_at }) => language === "python" && finished_at !== null));
});

Deno.test("one whose beginning could not be noted at once began when it did", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  // So many that it is told again only two seconds later.
  faulty.database.intercept(at.start, { kind: "answer", status: 503 }, 3);
  const code = "await new Promise((resolve) => setTimeout(resolve, 4_000))";
  const { context } = await invoke(client, "execute-code", { ...path, ...quick, code });
  await endsNoted(faulty.sql, path);
  const [{ took }] = await faulty.sql`
    select extract(epoch from finished_at - started_at) as took
    from copilot_internal.executions where context_id = ${context.id}`;
  assert(Number(took) > 3.5, `it took ${took} s, says the ledger`);
});

Deno.test("neither code nor output is in it", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "execute-code", {
    ...path,
    ...quick,
    code: "console.log('marker-' + 'output') // marker-code",
    envs: { A: "marker-env" },
  });
  await invoke(client, "execute-code", { ...path, ...quick, code: "throw new RangeError('marker-error')" });
  await endsNoted(faulty.sql, path);
  const rows = await faulty
    .sql`select e::text as row from copilot_internal.executions e where context_id = ${context.id}`;
  assert.equal(rows.length, 2);
  for (const { row } of rows) assert.doesNotMatch(row, /marker/);
});

Deno.test("a request of which nothing ran has no row; a repeat has none of its own", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const body = { ...path, ...quick, code: "1", idempotency_key: crypto.randomUUID() };
  const { context } = await invoke(client, "execute-code", body);
  await invoke(client, "execute-code", body);
  faulty.proxy.intercept(at.execute, { kind: "answer", status: 500 });
  await refused(client, "execute-code", { ...path, ...quick, code: "2" });
  await refused(client, "execute-code", { ...path, ...quick, code: "" });
  assert.equal((await ledger(context.id)).length, 1);
});

Deno.test("an exception may have any name, also one that Postgres could not keep", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const code = `
class Meta(type):
    __name__ = property(lambda cls: "a\\0b" + "🐎" * 150)
class Odd(Exception, metaclass=Meta): pass
raise Odd("x")`;
  const body = { ...path, code, idempotency_key: "odd name" };
  const first = await invoke(client, "execute-code", body);
  assert.equal(first.execution.status, "error");
  // The answer waits for that no longer than its caller would like.
  await endsNoted(faulty.sql, { ...path, execution_id: first.execution_id });
  const [row] = await ledger(first.context.id);
  assert.equal(row.status, "error");
  assert(row.error_name?.startsWith("ab🐎"));
  assert.equal((await invoke(client, "execute-code", body)).replayed, true);
});

Deno.test("a database that does not answer does not keep the answer from the caller", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  await invoke(client, "execute-code", { ...path, ...quick, code: "1" });
  // As often as it is asked for.
  const held = faulty.database.intercept(at.finish, { kind: "hold" }, 3);
  const answer = await invoke(client, "execute-code", { ...path, ...quick, code: "'told'" });
  assert.equal(answer.execution.results[0].text, "told");
  held.release();
  await eventually(
    "it is noted later",
    async () => (await ledger(answer.context.id)).every(({ status }) => status === "ok"),
  );
});

Deno.test("one whose process died is running until its deadline, and lost after it", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "execute-code", { ...path, ...quick, code: "1" });
  await endsNoted(faulty.sql, path);
  const events = await stream(client, { ...path, ...quick, code: "console.log('begun'); await new Promise(() => {})" });
  await events.until("stdout");
  await eventually("it is noted", async () => (await ledger(context.id)).length === 2);
  await Promise.all(faulty.stack.functions.processes.map((process) => process.restart()));
  await assert.rejects(events.rest());
  assert.deepEqual((await ledger(context.id)).map(({ status }) => status), ["ok", "running"]);
  await faulty.sql`select copilot_internal.retire_lost_executions()`;
  assert.equal((await ledger(context.id))[1].status, "running");
  await faulty
    .sql`update copilot_internal.executions set deadline_at = clock_timestamp() where context_id = ${context.id}`;
  await faulty.sql`select copilot_internal.retire_lost_executions()`;
  assert.deepEqual((await ledger(context.id)).map(({ status }) => status), ["ok", "lost"]);
});

Deno.test("a service asks for usage by tenant, conversation and day; a user may not", async () => {
  const tenant_id = crypto.randomUUID();
  const client = await user(faulty.stack, tenant_id);
  const today = () => new Date().toISOString().slice(0, 10);
  // Midnight may come while the test runs.
  const p_from = today();
  const [one, other] = [newPath(), newPath()];
  await invoke(client, "execute-code", { ...one, ...quick, code: "console.log('x'.repeat(99))" });
  await invoke(client, "execute-code", { ...one, ...quick, path_id: "branch", code: "1" });
  await invoke(client, "execute-code", { ...other, ...quick, code: "1" });
  await invoke(client, "terminate-context", other);
  for (const path of [one, other]) await endsNoted(faulty.sql, path);

  const question = { p_from, p_to: today(), p_tenant_id: tenant_id };
  const { data, error } = await service(faulty.stack).rpc("copilot_execution_usage", question);
  assert.equal(error, null);
  const usage = z.array(z.object({
    tenant_id: z.literal(tenant_id),
    conversation_id: z.string(),
    day: z.iso.date(),
    executions: z.int(),
    execution_seconds: z.number(),
    output_bytes: z.int(),
    sandbox_seconds: z.number(),
  })).parse(data);
  const sum = (
    { conversation_id }: { conversation_id: string },
    what: "executions" | "execution_seconds" | "output_bytes" | "sandbox_seconds",
  ) => usage.filter((row) => row.conversation_id === conversation_id).reduce((total, row) => total + row[what], 0);
  assert.deepEqual([...new Set(usage.map((row) => row.conversation_id))].length, 2);
  assert.equal(sum(one, "executions"), 2);
  assert(sum(one, "output_bytes") > 100);
  // Of two sandboxes that live, and of one that does no more.
  assert(sum(one, "sandbox_seconds") > sum(one, "execution_seconds"));
  assert(sum(other, "sandbox_seconds") > 0);

  const { error: refusal } = await client.rpc("copilot_execution_usage", question);
  assert.equal(refusal?.code, "42501");
});
