/** Code runs in the path's kernel, and what it says comes back whole. */
import assert from "node:assert/strict";
import { invoke, newPath, refused, user } from "../support/clients.ts";
import { at, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { useNotebook } from "../support/notebook.ts";
import { BEGUN_BY_MILLISECONDS } from "../support/programs.ts";
import { created, killBehindOurBack } from "../support/provider.ts";

const faulty = useFaultyStack();

const notebook = useNotebook(faulty);

Deno.test("variables stay from one execution to the next", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const first = await invoke(client, "execute-code", { ...path, code: "x = 41" });
  const second = await invoke(client, "execute-code", { ...path, code: "x + 1" });

  assert.equal(first.was_created, true);
  assert.deepEqual(first.execution.results, []);
  assert.equal(second.was_created, false);
  assert.equal(second.context.id, first.context.id);
  assert.equal(second.execution.status, "ok");
  assert.equal(second.execution.results[0].text, "42");
  assert.equal(second.execution.results[0].is_main_result, true);
  assert.deepEqual([first.execution.execution_count, second.execution.execution_count], [1, 2]);
});

Deno.test("stdout and stderr come back apart", async () => {
  const { run } = await notebook();
  const execution = await run("import sys\nprint('out')\nprint('err', file=sys.stderr)");
  assert.equal(execution.stdout, "out\n");
  assert.equal(execution.stderr, "err\n");
  assert.equal(execution.truncated, null);
});

Deno.test("an exception is a result, and the kernel lives on", async () => {
  const { run } = await notebook();
  await run("kept = 'yes'");
  const failed = await run("1 / 0");
  assert.equal(failed.status, "error");
  assert.equal(failed.error?.name, "ZeroDivisionError");
  assert.equal(failed.error.value, "division by zero");
  assert.match(failed.error.traceback, /1 \/ 0/);
  assert.equal((await run("kept")).results[0].text, "yes");
});

Deno.test("every format of a value comes back", async () => {
  const { run } = await notebook();
  const { results } = await run(`
class Rich:
    def _repr_html_(self): return "<b>rich</b>"
    def _repr_svg_(self): return "<svg/>"
    def _repr_markdown_(self): return "**rich**"
    def __repr__(self): return "rich"
display(Rich())
Rich()`);
  assert.equal(results.length, 2);
  for (const result of results) {
    assert.deepEqual(
      [result.text, result.html, result.svg, result.markdown],
      ["rich", "<b>rich</b>", "<svg/>", "**rich**"],
    );
  }
  assert.deepEqual(results.map((result) => result.is_main_result), [false, true]);
});

Deno.test("code that does not end in time is stopped; what it said and knew is kept", async () => {
  const { run } = await notebook();
  await run("kept = 'yes'");
  const code = "import time\nprint('started', flush=True)\ntime.sleep(4)\nwhile True: pass";
  const late = await run(code, { timeout_ms: BEGUN_BY_MILLISECONDS });
  assert.equal(late.status, "timed_out");
  assert.equal(late.stdout, "started\n");
  assert.equal((await run("kept")).results[0].text, "yes");
});

Deno.test("long output keeps its head and its tail, and says what was left out", async () => {
  const { run } = await notebook();
  const execution = await run("print('head' + 'x' * 100_000 + 'tail')");
  assert(execution.stdout.startsWith("head") && execution.stdout.endsWith("tail\n"));
  assert(execution.stdout.length < 21_000);
  assert.deepEqual(execution.truncated, { stdout: 100_009 - 20_000, stderr: 0, results: 0 });
});

Deno.test("results are kept up to a total size, and what is left out is counted", async () => {
  const { run } = await notebook();
  const execution = await run(`
class Plot:
    def _repr_svg_(self): return "<svg>" + "x" * 1_000_000 + "</svg>"
for _ in range(6): display(Plot())
"last"`);
  assert.equal(execution.status, "ok");
  assert.deepEqual(execution.truncated, { stdout: 0, stderr: 0, results: 2 });
  // What is small enough still fits.
  assert.equal(execution.results.length, 5);
});

Deno.test("an exception or an output too long for one line is neither lost nor taken for a result", async () => {
  const { run } = await notebook();
  const failed = await run("raise ValueError('x' * 3_000_000)");
  assert.equal(failed.status, "error");
  assert(failed.error && failed.error.value.length < 25_000);
  const printed = await run("print('x' * 6_000_000)");
  assert.equal(printed.status, "ok");
  assert.equal(printed.truncated?.results, 0);
  assert(printed.truncated.stdout > 5_900_000);
});

Deno.test("a sandbox is never asked to live longer than the plan allows", async () => {
  const client = await user(faulty.stack);
  const path = { ...newPath(), ttl_seconds: 3600 };
  for (const code of ["1", "2"]) {
    const { context } = await invoke(client, "execute-code", { ...path, ...quick, code });
    const [sandbox] = created(faulty.provider).filter((one) => one.metadata.context_id === context.id);
    // What connect asks for; E2B answers 400 to more than the account's hour.
    assert(sandbox.endAt.getTime() - Date.now() <= 3_600_000);
  }
});

Deno.test("envs are seen by this execution and not by the next", async () => {
  const { run } = await notebook();
  const code = "import os\nos.environ.get('GREETING')";
  assert.equal((await run(code, { envs: { GREETING: "hello" } })).results[0].text, "hello");
  assert.deepEqual((await run(code)).results, []);
});

Deno.test("a language that the sandbox does not have is refused before anything is created", async () => {
  const client = await user(faulty.stack);
  const before = created(faulty.provider).length;
  const path = newPath();
  const absent = await refused(client, "execute-code", { ...path, code: "1", language: "java" });
  assert.equal(absent.status, 400);
  assert.equal(absent.body.field, "language");
  assert.match(absent.body.message, /python/);
  const unknown = await refused(client, "execute-code", { ...path, code: "1", language: "cobol" });
  assert.equal(unknown.status, 400);
  assert.equal(unknown.body.field, "language");
  assert.match(unknown.body.message, /python.*javascript/);
  assert.equal(created(faulty.provider).length, before);
});

Deno.test("code cannot reach the network, the environment, the files or the processes of the machine", async () => {
  const { run } = await notebook();
  const file = await Deno.makeTempFile();
  const { stdout } = await run(`
import os
for name, attempt in {
    "file": lambda: open(${JSON.stringify(file)}).read(),
    "network": lambda: __import__("urllib.request").request.urlopen("http://127.0.0.1:1/", timeout=2).read(),
    "process": lambda: os.kill(${Deno.pid}, 0),
}.items():
    try:
        attempt(); print(name, "REACHED")
    except BaseException as error:
        print(name, "refused")
print([key for key in os.environ if "KEY" in key or "SUPABASE" in key])`);
  await Deno.remove(file);
  assert.deepEqual(stdout.trim().split("\n"), ["file refused", "network refused", "process refused", "[]"]);
});

Deno.test("when the connection breaks under a run, the answer says that the run's end is not known", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  await invoke(client, "execute-code", { ...path, ...quick, code: "var runs = 0" });
  faulty.proxy.intercept(at.execute, { kind: "drop", when: "after" });
  const answer = await refused(client, "execute-code", { ...path, ...quick, code: "runs += 1" });
  assert.equal(answer.status, 502);
  assert.equal(answer.body.code, "execution_lost");
  assert.equal(answer.body.retryable, false);
  // It was not sent a second time.
  const { execution } = await invoke(client, "execute-code", { ...path, ...quick, code: "runs" });
  assert.equal(execution.results[0].text, "1");
});

Deno.test("a request that found its new sandbox dead does not create a second one", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const before = created(faulty.provider).length;
  const held = faulty.proxy.intercept(at.execute, { kind: "hold" });
  const running = refused(client, "execute-code", { ...path, ...quick, code: "1" });
  await held.reached();
  const [{ metadata }] = created(faulty.provider).slice(before);
  await killBehindOurBack(faulty.provider, metadata.context_id);
  held.release();
  const answer = await running;
  assert.deepEqual([answer.body.code, answer.body.retryable], ["context_busy", true]);
  assert.equal(created(faulty.provider).length, before + 1);
  const next = await invoke(client, "execute-code", { ...path, ...quick, code: "1" });
  assert.equal(next.previous?.termination_reason, "sandbox_lost");
});

Deno.test("a sandbox that dies before it could take the code is replaced, and the caller is told", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "execute-code", { ...path, ...quick, code: "var x = 1" });
  const held = faulty.proxy.intercept(at.execute, { kind: "hold" });
  const running = invoke(client, "execute-code", { ...path, ...quick, code: "'x' in globalThis" });
  await held.reached();
  await killBehindOurBack(faulty.provider, context.id);
  held.release();
  const answer = await running;
  assert.equal(answer.was_created, true);
  assert.equal(answer.previous?.termination_reason, "sandbox_lost");
  assert.equal(answer.execution.results[0].text, "false");
});
