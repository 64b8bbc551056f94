import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { kernelTest, useSandboxes } from "./kernels.ts";
import { restartContext, toSandbox } from "./local_server.ts";

const sandboxTest = useSandboxes();

/** IPython puts a blank before the number of a cell, or none: that goes with its version. */
function spelled(traceback = ""): string {
  return traceback.replaceAll("Cell In [", "Cell In[");
}

kernelTest("variables, the count and the last value are kept between executions", async ({ connection }) => {
  const sandbox = await Sandbox.create(connection);
  assert.equal((await sandbox.runCode("x = [1]\nx")).text, "[1]");
  await sandbox.runCode("x.append(2)");
  const third = await sandbox.runCode("(x, _)");
  assert.equal(third.text, "([1, 2], [1, 2])");
  assert.equal(third.executionCount, 3);
  assert.equal((await sandbox.runCode("# a comment")).executionCount, 4);
});

sandboxTest("the last expression is the main result, unless it is silent", async ({ sandbox }) => {
  const shown = async (code: string) => (await sandbox.runCode(code)).results.map((result) => result.text);
  assert.deepEqual(await shown("'quotes are stripped'"), ["quotes are stripped"]);
  assert.deepEqual(await shown("1;"), []);
  assert.deepEqual(await shown("1  # no semicolon;"), ["1"]);
  assert.deepEqual(await shown("None"), []);
  assert.deepEqual(await shown("y = 1"), []);
  assert.deepEqual(await shown("import asyncio\nawait asyncio.sleep(0, 'awaited')"), ["awaited"]);
});

sandboxTest("rich formats and display() arrive under E2B's names", async ({ sandbox }) => {
  const { results } = await sandbox.runCode(`
class Rich:
    def __repr__(self): return "plain"
    def _repr_html_(self): return "<b>ü</b>"
    def _repr_svg_(self): return "<svg/>"
    def _repr_png_(self): return b"\\x89PNG"
    def _repr_jpeg_(self): raise NotImplementedError
    def _repr_markdown_(self): return "*m*"
    def _repr_latex_(self): return "$l$"
    def _repr_json_(self): return {"nan": float("nan")}
    def _repr_javascript_(self): return "1"
    def _repr_pdf_(self): return b"%PDF"
    def _repr_mimebundle_(self, include=None, exclude=None): return {"application/x-unknown": [1]}
display("shown", Rich)
Rich()`);
  assert.deepEqual(results.map((result) => [result.text, result.isMainResult]), [
    ["shown", false],
    ["__main__.Rich", false],
    ["plain", true],
  ]);
  assert.deepEqual(results[2]?.raw, {
    text: "plain",
    html: "<b>ü</b>",
    svg: "<svg/>",
    png: "iVBORw==",
    markdown: "*m*",
    latex: "$l$",
    json: { nan: null },
    javascript: "1",
    pdf: "JVBERg==",
    extra: { "application/x-unknown": [1] },
  });
});

sandboxTest("an exception carries a traceback that points into the cell", async ({ sandbox }) => {
  const first = await sandbox.runCode("def divide(a, b):\n    'Divides.'\n    return a / b");
  const { error, executionCount } = await sandbox.runCode("x = 1\ndivide(x, 0)");
  assert.equal(error?.name, "ZeroDivisionError");
  assert.equal(error?.value, "division by zero");
  assert.equal(
    spelled(error?.traceback),
    "-".repeat(75) + "ZeroDivisionError                         Traceback (most recent call last)" +
      `Cell In[${executionCount}], line 2\n      1 x = 1\n----> 2 divide(x, 0)\n` +
      `Cell In[${first.executionCount}], line 3, in divide(a, b)\n` +
      "      1 def divide(a, b):\n      2     'Divides.'\n----> 3     return a / b\n" +
      "ZeroDivisionError: division by zero",
  );
  const chained = await sandbox.runCode("try:\n    1/0\nexcept Exception as e:\n    raise KeyError('k') from e");
  assert.match(chained.error?.traceback ?? "", /direct cause of the following exception[^]*KeyError: 'k'$/);
});

sandboxTest("a syntax error names the line", async ({ sandbox }) => {
  const { error, executionCount } = await sandbox.runCode("x = 1\nx = = 2");
  assert.equal(error?.name, "SyntaxError");
  assert.match(error?.value ?? "", /^invalid syntax \(\d+\.py, line 2\)$/);
  assert.equal(
    spelled(error?.traceback),
    `  Cell In[${executionCount}], line 2\n    x = = 2\n        ^\nSyntaxError: invalid syntax\n`,
  );
});

sandboxTest("calls that would end or block a kernel raise instead", async ({ sandbox, kernel }) => {
  await sandbox.runCode("x = 'still here'\nimport os, subprocess, sys");
  // A native sandbox has programs to run.
  const ofPyodide: [code: string, error: string][] = [
    ["os.system('ls')", "OSError"],
    ["os.popen('ls')", "OSError"],
    ["subprocess.run(['ls'])", "OSError"],
  ];
  const calls: [code: string, error: string][] = [
    ...(kernel === "pyodide" ? ofPyodide : []),
    ["sys.exit(3)", "SystemExit"],
    ["input('name? ')", "StdinNotImplementedError"],
    ["sys.stdin.read() or 1/0", "ZeroDivisionError"],
    ["import asyncio\nawait asyncio.create_task(asyncio.to_thread(sys.exit))", "SystemExit"],
    ["def f(): f()\nf()", "RecursionError"],
    ["'x' * 20_000_000", "ValueError"],
  ];
  for (const [code, name] of calls) assert.equal((await sandbox.runCode(code)).error?.name, name, code);
  assert.equal((await sandbox.runCode("x")).text, "still here");
});

kernelTest("output streams while the cell runs", async ({ connection }) => {
  const sandbox = await Sandbox.create(connection);
  const { promise: first, resolve: onStdout } = Promise.withResolvers<{ line: string }>();
  const endless = sandbox.runCode("print('naïve 你好 😀')\nimport time\ntime.sleep(60)", { onStdout });
  endless.catch(() => {});
  assert.equal((await first).line, "naïve 你好 😀\n");
  await sandbox.kill();
  await assert.rejects(endless);
});

sandboxTest("stdout and stderr arrive whole and in order, in a few messages", async ({ sandbox, kernel }) => {
  const { logs } = await sandbox.runCode(`
import os, sys
print("no newline", end="", flush=True)
print("oops", file=sys.stderr)
os.write(1, b"raw")
for number in range(5000): print(number)`);
  assert.deepEqual(logs.stderr, ["oops\n"]);
  const numbers = Array.from({ length: 5000 }, (_, number) => `${number}\n`).join("");
  // As with ipykernel, what goes past Python's own streams comes by another pipe: nobody promises its place.
  const stdout = logs.stdout.join("").replace("raw", "");
  assert.equal(stdout, `no newline${numbers}`);
  assert.match(logs.stdout.join(""), kernel === "pyodide" ? /^no newlineraw0\n/ : /raw/);
  assert.ok(logs.stdout.length < 1000, `${logs.stdout.length} messages`);
});

kernelTest("environment variables of an execution end with it", async ({ connection }) => {
  const sandbox = await Sandbox.create({ ...connection, envs: { GLOBAL: "g", BOTH: "global" } });
  const read = "[os.environ.get(name) for name in ('GLOBAL', 'BOTH', 'OWN')]";
  const envs = { OWN: "own", BOTH: "own" };
  const set = await sandbox.runCode(read, { envs });
  assert.equal(set.text, "['g', 'own', 'own']");
  const removed = await sandbox.runCode(read);
  assert.equal(removed.text, "['g', 'global', None]");
  assert.equal(removed.executionCount, 2, "the clean-up counted");
  await sandbox.runCode("1/0", { envs });
  assert.equal((await sandbox.runCode(read)).text, "['g', 'global', None]");
  const own = await sandbox.runCode("del os.environ['OWN']", { envs });
  assert.deepEqual([own.error, own.logs.stderr], [undefined, []], "the clean-up was heard");
});

sandboxTest("environment variables are spliced into the code, quotes and all", async ({ sandbox }) => {
  const values: [value: string, outcome: string][] = [
    ["\\x41", "A"],
    ["'.upper() + 'x", "x"],
    ["'; injected = 'yes", "yes"],
    ["it's", "SyntaxError"],
    ["two\nlines", "SyntaxError"],
  ];
  for (const [value, outcome] of values) {
    const { text, error } = await sandbox.runCode("globals().pop('injected', os.environ['K'])", { envs: { K: value } });
    assert.equal(text ?? error?.name, outcome, value);
  }
  const shifted = await sandbox.runCode("1/0", { envs: { A: "a", B: "b" } });
  assert.match(shifted.error?.traceback ?? "", /-> 3 1\/0/);
  const indented = await sandbox.runCode("\n  x = os.environ['K']\n  x", { envs: { K: "v" } });
  assert.equal(indented.text, "v");
});

sandboxTest("executions in one sandbox wait for each other", async ({ sandbox }) => {
  const runs = [1, 2, 3].map((n) =>
    sandbox.runCode(`import asyncio\nawait asyncio.sleep(0.05)\nlog = globals().get('log', []) + [${n}]`)
  );
  await Promise.all(runs);
  assert.equal((await sandbox.runCode("log")).text, "[1, 2, 3]");
});

sandboxTest("what a task left behind does wrong costs no variables", async ({ sandbox, kernel }) => {
  const javascript = `
from pyodide.ffi import to_js
to_js([]).constructor.constructor("Promise.reject(1); setTimeout(() => { throw 2 })")()`;
  await sandbox.runCode(`
import asyncio, sys
x = "kept"
async def fail(): 1/0
async def leave(): sys.exit(1)
tasks = [asyncio.create_task(fail()), asyncio.create_task(leave())]${kernel === "pyodide" ? javascript : ""}`);
  await sandbox.runCode("await asyncio.sleep(0.05)");
  assert.equal((await sandbox.runCode("x")).text, "kept");
});

kernelTest("contexts have variables of their own", async ({ connection, server }) => {
  const sandbox = await Sandbox.create(connection);
  const context = await sandbox.createCodeContext({ cwd: "/home/user/work" });
  assert.equal((await sandbox.runCode("import os; x = 1; os.getcwd()", { context })).text, "/home/user/work");
  assert.equal((await sandbox.runCode("x")).error?.name, "NameError");
  assert.equal((await sandbox.listCodeContexts()).length, 3);
  await restartContext(connection, sandbox, context.id);
  assert.equal((await sandbox.runCode("x", { context })).error?.name, "NameError");
  await sandbox.removeCodeContext(context);
  assert.equal((await sandbox.listCodeContexts()).length, 2);

  const unknown = await toSandbox(server, sandbox.sandboxId, "/execute", {
    body: { code: "1", context_id: context.id },
  });
  assert.equal(unknown.status, 404);
  assert.equal(await unknown.text(), `Context ${context.id} not found`);
});

kernelTest("execute refuses what it cannot run", async ({ connection, server }) => {
  const { sandboxId } = await Sandbox.create(connection);
  const status = async (body: unknown) => {
    const response = await toSandbox(server, sandboxId, "/execute", { body });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await status({ code: "1", language: "python", context_id: "x" }), 400);
  assert.equal(await status({ code: 1 }), 400);
  assert.equal(await status({ code: "1", env_vars: { A: 1 } }), 400);
});

sandboxTest("two sandboxes draw different random numbers", async (shared) => {
  const draw = "import random, uuid, tempfile; [random.random(), uuid.uuid4().hex, tempfile.mktemp()]";
  const sandboxes = [shared.sandbox, await Sandbox.create(shared.connection)];
  const [first, second] = await Promise.all(sandboxes.map((sandbox) => sandbox.runCode(draw)));
  assert.ok(first?.text && second?.text);
  const parse = (text: string): unknown[] => JSON.parse(text.replaceAll("'", '"'));
  const [a, b] = [parse(first.text), parse(second.text)];
  a.forEach((value, index) => assert.notEqual(value, b[index]));
});
