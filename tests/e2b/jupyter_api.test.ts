import assert from "node:assert/strict";
import { type Execution, Sandbox } from "@e2b/code-interpreter";
import type { E2BServer } from "../../local/e2b/server.ts";
import { kernelTest, useSandboxes } from "./kernels.ts";
import { toSandbox } from "./local_server.ts";

const sandboxTest = useSandboxes();

/** What a cell begins with that can be interrupted at once. */
const STARTED = "print('started')\n";

/** What a test needs to know of the sandbox whose Jupyter it asks. */
interface Asked {
  readonly server: E2BServer;
  readonly sandbox: Sandbox;
}

function get({ server, sandbox }: Asked, path: string): Promise<Response> {
  return toSandbox(server, sandbox.sandboxId, path, { port: 8888 });
}

function post({ server, sandbox }: Asked, path: string): Promise<Response> {
  return toSandbox(server, sandbox.sandboxId, path, { port: 8888, body: {} });
}

/** The id of the sandbox's first kernel for a language, which is that of its context. */
async function kernelId({ sandbox }: Asked, language = "python"): Promise<string> {
  const contexts = await sandbox.listCodeContexts();
  const context = contexts.find((context) => context.language === language);
  assert.ok(context);
  return context.id;
}

async function interrupt(asked: Asked, id: string): Promise<void> {
  const response = await post(asked, `/api/kernels/${id}/interrupt`);
  assert.deepEqual([response.status, await response.text()], [204, ""]);
}

/** A cell that has said its first word, and what comes of it. */
async function begin(
  { sandbox }: Asked,
  code: string,
  { language = "python", onStdout = () => {} }: { language?: string; onStdout?: (text: string) => void } = {},
): Promise<{ readonly execution: Promise<Execution> }> {
  const started = Promise.withResolvers<void>();
  const execution = sandbox.runCode(code, {
    language,
    onStdout: ({ line }) => {
      started.resolve();
      onStdout(line);
    },
  });
  // One that fails before it says a word would be waited for in vain.
  execution.then(() => started.reject(new Error("the cell said nothing")), started.reject);
  await started.promise;
  return { execution };
}

sandboxTest("an interrupt raises KeyboardInterrupt in the stream and keeps the variables", async (shared) => {
  await shared.sandbox.runCode("import asyncio, time\nx = 'kept'");
  const id = await kernelId(shared);
  const cells = [
    STARTED + "while True: pass",
    STARTED + "time.sleep(60)",
    STARTED + "await asyncio.sleep(60)",
    STARTED + "while True: print('flood' * 1000)",
    "try:\n    print('started')\n    time.sleep(60)\nfinally:\n    x += ', finally run'",
  ];
  for (const cell of cells) {
    const { execution } = await begin(shared, cell);
    await interrupt(shared, id);
    // Without the line that ends an execution the SDK would reject.
    const { error, logs } = await execution;
    assert.equal(error?.name, "KeyboardInterrupt", cell);
    assert.match(error?.traceback ?? "", /KeyboardInterrupt/, cell);
    assert.match(logs.stdout.join(""), /^started\n/, cell);
  }
  assert.equal((await shared.sandbox.runCode("x")).text, "kept, finally run");
});

sandboxTest("a cell that was only asked for is interrupted once it begins", async (shared) => {
  const { server, sandbox } = shared;
  const { id } = await sandbox.createCodeContext();
  // Its kernel takes much longer to start than the interrupt takes to come.
  const { body } = await toSandbox(server, sandbox.sandboxId, "/execute", {
    body: { code: "print('started')\nwhile True: pass", context_id: id },
  });
  assert.ok(body);
  assert.equal((await (await get(shared, `/api/kernels/${id}`)).json()).execution_state, "busy");
  await interrupt(shared, id);
  const lines = (await new Response(body).text()).trim().split("\n").map((line) => JSON.parse(line));
  // Whether it comes to print is a matter of time.
  const told = lines.map(({ type }) => type).filter((type) => type !== "keepalive" && type !== "stdout");
  assert.deepEqual(told, [
    "number_of_executions",
    "error",
    "end_of_execution",
  ]);
  await sandbox.removeCodeContext(id);
});

sandboxTest("an idle kernel ignores an interrupt", async (shared) => {
  const id = await kernelId(shared);
  await shared.sandbox.runCode("import asyncio");
  for (const cell of ["for _ in range(300_000): pass\n'whole'", "await asyncio.sleep(0.05)\n'whole'"]) {
    await interrupt(shared, id);
    const { text, error } = await shared.sandbox.runCode(cell);
    assert.deepEqual([text, error], ["whole", undefined], cell);
  }
});

sandboxTest("an interrupt hits the running cell, not the one that waits for it", async (shared) => {
  await shared.sandbox.runCode("import asyncio, time");
  const id = await kernelId(shared);
  const cells = ["while True: pass", "time.sleep(60)", "await asyncio.sleep(60)"];
  for (const cell of cells) {
    const { execution } = await begin(shared, `print("started")\n${cell}`);
    const waiting = shared.sandbox.runCode("for _ in range(1_000_000): pass\n'whole'");
    await interrupt(shared, id);
    assert.equal((await execution).error?.name, "KeyboardInterrupt", cell);
    assert.equal((await waiting).text, "whole", cell);
  }
});

sandboxTest("an interrupt that comes as a cell ends does not hit the next one", async (shared) => {
  await shared.sandbox.runCode("import asyncio, time");
  const id = await kernelId(shared);
  // Around the moment when a cell that has not noticed the interrupt is sent a signal.
  for (let milliseconds = 14; milliseconds < 28; milliseconds += 0.25) {
    const cell = `print("started")\nend = time.time() + ${milliseconds / 1000}\nwhile time.time() < end: pass`;
    const { execution } = await begin(shared, cell);
    await interrupt(shared, id);
    await execution;
    const next = await shared.sandbox.runCode("for _ in range(50_000): pass\nawait asyncio.sleep(0.01)\n'whole'");
    assert.deepEqual([next.text, next.error], ["whole", undefined], cell);
  }
});

/** Ends long before it has been told with what: that takes much longer than a signal takes to come, and begins with "started". */
const LONG_STORY = `
class Told(ValueError):
    is_begun = False
    def __str__(self):
        if not Told.is_begun:
            Told.is_begun = True
            print("started", flush=True)
        return "told"
def fail(depth, cause):
    if depth > 0: fail(depth - 1, cause)
    raise Told from cause
error = None
for number in range(200):
    try: fail(20, error)
    except ValueError as raised: error = raised
raise error`;

sandboxTest("an interrupt that comes when a cell has raised changes nothing of what it raised", async (shared) => {
  const id = await kernelId(shared);
  const { execution } = await begin(shared, LONG_STORY);
  await interrupt(shared, id);
  const { error } = await execution;
  assert.deepEqual([error?.name, error?.value], ["Told", "told"]);
  assert.equal((await shared.sandbox.runCode("number")).text, "199");
});

const INTERRUPTS = 20;

/** In a function: at the jump back to its beginning, Python takes a loop for one that is past its `try`. */
const CAUGHT_IN_LOOPS = `
n = 0
def run():
    global n
    while True:
        n += 1
        print(n)
for _ in range(${INTERRUPTS}):
    try: run()
    except KeyboardInterrupt: print("caught")`;

sandboxTest("a cell that catches interrupts goes on, and none of its words is lost", async (shared) => {
  const id = await kernelId(shared);
  let heard = "";
  let next = Promise.withResolvers<void>();
  const onStdout = (text: string) => {
    heard += text;
    // Not before it runs again: it could still be about to say that it has caught one.
    if (!/caught\n\d/.test(heard)) return;
    heard = "";
    next.resolve();
  };
  const { execution } = await begin(shared, CAUGHT_IN_LOOPS, { onStdout });
  execution.then(() => next.reject(new Error("it ended at an interrupt")), (error) => next.reject(error));
  for (let n = 1; n < INTERRUPTS; n++) {
    next = Promise.withResolvers();
    await interrupt(shared, id);
    await next.promise;
  }
  await interrupt(shared, id);
  const { error, logs } = await execution;
  assert.equal(error, undefined);
  const said = logs.stdout.join("");
  assert.equal(said.match(/caught/g)?.length, INTERRUPTS);
  const numbers = Array.from(said.matchAll(/\d+/g), ([number]) => Number(number));
  // One that is interrupted before it is printed is missing by right.
  assert.deepEqual(numbers.filter((number, at) => number > (numbers[at - 1] ?? 0) + 2), []);
});

sandboxTest("one interrupt is one, also for a cell that computes, catches it and then awaits", async (shared) => {
  await shared.sandbox.runCode("import asyncio");
  const id = await kernelId(shared);
  const { execution } = await begin(
    shared,
    "try:\n    print('started')\n    while True: pass\nexcept KeyboardInterrupt: await asyncio.sleep(0.05)\n'whole'",
  );
  await interrupt(shared, id);
  const { text, error } = await execution;
  assert.deepEqual([text, error], ["whole", undefined]);
});

sandboxTest("a cell that caught the interrupt of its await is still interrupted when it computes", async (shared) => {
  await shared.sandbox.runCode("import asyncio");
  const id = await kernelId(shared);
  const caught = Promise.withResolvers<void>();
  const onStdout = (text: string) => text.includes("caught") && caught.resolve();
  const { execution } = await begin(
    shared,
    "try:\n    print('started')\n    await asyncio.sleep(60)\n" +
      "except (asyncio.CancelledError, KeyboardInterrupt): print('caught', flush=True)\nwhile True: pass",
    { onStdout },
  );
  await interrupt(shared, id);
  await caught.promise;
  await interrupt(shared, id);
  assert.equal((await execution).error?.name, "KeyboardInterrupt");
});

kernelTest(
  "JavaScript that awaits keeps its variables, JavaScript in a loop does not",
  async ({ connection, server }) => {
    const asked = { server, sandbox: await Sandbox.create(connection) };
    const run = (code: string) => asked.sandbox.runCode(code, { language: "javascript" });
    await run("var x = 'kept'");
    const id = await kernelId(asked, "javascript");
    const cells = [
      { code: "await new Promise(() => {})", error: "KeyboardInterrupt", kept: "kept" },
      { code: "while (true) {}", error: "ContextRestarting", kept: "undefined" },
    ];
    for (const { code, error, kept } of cells) {
      const { execution } = await begin(asked, `console.log("started"); ${code}`, { language: "javascript" });
      await interrupt(asked, id);
      assert.equal((await execution).error?.name, error, code);
      assert.equal((await run("String(globalThis.x)")).text, kept, code);
    }
  },
);

kernelTest("kernels are listed with what they do, by the ids of their contexts", async ({ connection, server }) => {
  const asked = { server, sandbox: await Sandbox.create(connection) };
  const language = "javascript";
  await asked.sandbox.runCode("1", { language });
  const ids = [await kernelId(asked), await kernelId(asked, language)];
  const listed = async () => {
    const response = await get(asked, "/api/kernels");
    assert.equal(response.status, 200);
    return await response.json();
  };
  const before = await listed();
  const [python, javascript] = before.map(({ last_activity: _, ...kernel }: { last_activity: string }) => kernel);
  assert.deepEqual(python, { id: ids[0], name: "python3", execution_state: "idle", connections: 1 });
  assert.deepEqual(javascript, { id: ids[1], name: "javascript", execution_state: "idle", connections: 1 });

  const { execution } = await begin(asked, "console.log('started'); await new Promise(() => {})", { language });
  const [idle, busy] = await listed();
  assert.deepEqual([idle, busy.execution_state], [before[0], "busy"]);
  assert.ok(Date.parse(busy.last_activity) > Date.parse(before[1].last_activity));
  const alone = await get(asked, `/api/kernels/${ids[1]}`);
  assert.deepEqual([alone.status, await alone.json()], [200, busy]);
  await interrupt(asked, ids[1] ?? "");
  await execution;
  assert.equal((await listed())[1].execution_state, "idle");
});

kernelTest("a restart through Jupyter loses the variables", async ({ connection, server }) => {
  const asked = { server, sandbox: await Sandbox.create(connection) };
  const language = "javascript";
  await asked.sandbox.runCode("var x = 1", { language });
  const id = await kernelId(asked, language);
  const { execution } = await begin(asked, "console.log('started'); while (true) {}", { language });
  const response = await post(asked, `/api/kernels/${id}/restart`);
  assert.equal(response.status, 200);
  const kernel = await response.json();
  assert.deepEqual([kernel.id, kernel.name], [id, "javascript"]);
  const { error } = await execution;
  assert.deepEqual([error?.name, error?.value], ["ContextRestarting", "Context was restarted"]);
  const fresh = await asked.sandbox.runCode("typeof x", { language });
  assert.deepEqual([fresh.text, fresh.executionCount], ["undefined", 1]);
});

kernelTest(
  "a kernel that is not there is a 404 of Jupyter's own, and what the server has not is none",
  async ({ connection, server }) => {
    const asked = { server, sandbox: await Sandbox.create(connection) };
    const unknown = crypto.randomUUID();
    const known = await kernelId(asked);
    const noKernel = `Kernel does not exist: ${unknown}`;
    const answers = [
      { ask: get, path: `/api/kernels/${unknown}`, message: noKernel },
      { ask: post, path: `/api/kernels/${unknown}/interrupt`, message: noKernel },
      { ask: post, path: `/api/kernels/${unknown}/restart`, message: noKernel },
    ];
    for (const { ask, path, message } of answers) {
      const response = await ask(asked, path);
      assert.deepEqual([response.status, await response.json()], [404, { message, reason: null }], path);
    }
    const lacking = [
      { ask: get, path: `/api/kernels/${known}/interrupt` },
      { ask: post, path: `/api/kernels/${known}/stop` },
      { ask: post, path: `/api/kernels/${known}/interrupt/twice` },
      { ask: post, path: "/api/kernels" },
      { ask: get, path: "/" },
    ];
    for (const { ask, path } of lacking) {
      const response = await ask(asked, path);
      assert.equal(response.status, 501, path);
      assert.match((await response.json()).message, /is not supported by the local sandbox$/);
    }
  },
);

kernelTest("without public traffic, Jupyter too answers only holders of the token", async ({ connection, server }) => {
  const sandbox = await Sandbox.create({ ...connection, network: { allowPublicTraffic: false } });
  const ask = (headers?: Record<string, string>) =>
    toSandbox(server, sandbox.sandboxId, "/api/kernels", { port: 8888, headers });
  for (const headers of [undefined, { "E2B-Traffic-Access-Token": "guess" }]) {
    const refused = await ask(headers);
    assert.equal(refused.status, 403);
    assert.equal((await refused.json()).message, "Traffic access token is missing or wrong");
  }
  const entered = await ask({ "E2B-Traffic-Access-Token": sandbox.trafficAccessToken ?? "" });
  assert.equal(entered.status, 200);
  assert.equal((await entered.json()).length, 2);
});
