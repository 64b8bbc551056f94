import assert from "node:assert/strict";
import { Sandbox, TimeoutError } from "@e2b/code-interpreter";
import type { E2BServer } from "../../local/e2b/server.ts";
import { kernelTest, useSandboxes } from "./kernels.ts";
import { restartContext, toSandbox } from "./local_server.ts";

const sandboxTest = useSandboxes();

/** What a cell begins with that can be interrupted at once. */
const STARTED = "print('started')\n";

/**
 * Starts a cell and waits until it has said a word. Cancelling what this returns closes the connection; aborting the fetch
 * would too, but Deno's sometimes goes on reading.
 */
async function start(
  server: E2BServer,
  sandboxId: string,
  request: { code: string; env_vars?: Record<string, string> },
  word = "started",
): Promise<ReadableStreamDefaultReader<string>> {
  const { body } = await toSandbox(server, sandboxId, "/execute", { body: request });
  assert.ok(body);
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let said = ""; !said.includes(word);) {
    const { done, value } = await reader.read();
    assert.ok(!done, "the cell never started");
    said += value;
  }
  return reader;
}

/** Starts a cell and hangs up as soon as it has said "started". */
async function startAndDisconnect(
  server: E2BServer,
  sandboxId: string,
  code: string,
  env_vars: Record<string, string> = {},
): Promise<void> {
  await (await start(server, sandboxId, { code, env_vars })).cancel();
}

sandboxTest("a client that hangs up interrupts the cell and keeps the variables", async ({ sandbox, server }) => {
  await sandbox.runCode("import asyncio, time\nx = 'kept'");
  const cells = [
    STARTED + "while True: pass",
    STARTED + "time.sleep(60)",
    STARTED + "await asyncio.sleep(60)",
    STARTED + "while True: print('flood' * 1000)",
    STARTED + "async def spin():\n    while True: pass\nawait asyncio.create_task(spin())",
    "try:\n    print('started')\n    time.sleep(60)\nfinally:\n    x += ', finally run'",
  ];
  for (const cell of cells) {
    await startAndDisconnect(server, sandbox.sandboxId, cell);
    const { text } = await sandbox.runCode("x");
    assert.match(text ?? "", /^kept/, cell);
  }
  assert.equal((await sandbox.runCode("x")).text, "kept, finally run");
});

sandboxTest("the SDK's own time limit interrupts too", async ({ sandbox }) => {
  await sandbox.runCode("x = 1");
  await assert.rejects(sandbox.runCode("while True: pass", { timeoutMs: 300 }), TimeoutError);
  assert.equal((await sandbox.runCode("x")).text, "1");
});

const STUBBORN = `
while True:
    try:
        print("started", flush=True)
        while True: pass
    except KeyboardInterrupt: pass`;

kernelTest("a cell that ignores the interrupt keeps its kernel until a restart", async ({ connection, server }) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode("x = 1");
  await startAndDisconnect(server, sandbox.sandboxId, STUBBORN);
  const waiting = sandbox.runCode("'ran' if 'x' not in globals() else 'the old kernel'");
  await assert.rejects(sandbox.runCode("1", { timeoutMs: 500 }), TimeoutError);

  const [context] = await sandbox.listCodeContexts();
  assert.equal(context?.language, "python");
  assert.equal(context?.cwd, "/home/user");
  await restartContext(connection, sandbox, context?.id);
  const next = await waiting;
  assert.equal(next.text, "ran");
  assert.equal(next.executionCount, 1);
});

kernelTest("a restart ends the running cell with an error of its own", async ({ connection }) => {
  const sandbox = await Sandbox.create(connection);
  const { promise: started, resolve: onStdout } = Promise.withResolvers<unknown>();
  const run = sandbox.runCode(STUBBORN, { onStdout });
  await started;
  const [context] = await sandbox.listCodeContexts();
  await restartContext(connection, sandbox, context?.id);
  const { error } = await run;
  assert.deepEqual(
    [error?.name, error?.value, error?.traceback],
    ["ContextRestarting", "Context was restarted", ""],
  );
  assert.equal((await sandbox.runCode("1")).executionCount, 1);
});

kernelTest("a client that does not read cannot keep a kernel from a restart", async ({ connection, server }) => {
  const sandbox = await Sandbox.create(connection);
  // Before that there is nothing to restart: lines that say nothing come while the kernel starts.
  const reader = await start(server, sandbox.sandboxId, { code: "while True: print('flood' * 1000)" }, "flood");
  // When this one gives up, the other has long stopped: all buffers are full.
  await assert.rejects(sandbox.runCode("1", { timeoutMs: 1000 }), TimeoutError);
  const [context] = await sandbox.listCodeContexts();
  await restartContext(connection, sandbox, context?.id);
  assert.equal((await sandbox.runCode("1")).text, "1");
  await reader.cancel();
});

sandboxTest("the cells of a removed context end", async ({ sandbox }) => {
  const context = await sandbox.createCodeContext();
  const { promise: started, resolve: onStdout } = Promise.withResolvers<unknown>();
  const runs = [sandbox.runCode(STUBBORN, { context, onStdout }), sandbox.runCode("1", { context })];
  await started;
  await sandbox.removeCodeContext(context);
  for (const { error } of await Promise.all(runs)) assert.equal(error?.name, "UnexpectedEndOfExecution");
});

sandboxTest("a cell that is cut off leaves its environment variables behind", async ({ sandbox, server }) => {
  await startAndDisconnect(server, sandbox.sandboxId, "print('started')\nwhile True: pass", { LEFT: "behind" });
  assert.equal((await sandbox.runCode("os.environ['LEFT']")).text, "behind");
});

sandboxTest("a client that hangs up while it waits its turn runs nothing", async ({ sandbox, server }) => {
  const code = `import time\n${STARTED}while True: time.sleep(0.01)`;
  const first = await start(server, sandbox.sandboxId, { code });
  const second = await toSandbox(server, sandbox.sandboxId, "/execute", { body: { code: "ran = True" } });
  await second.body?.cancel();
  // The server, a part of this process, sees that before it has answered these.
  for (let trips = 0; trips < 3; trips++) await sandbox.listCodeContexts();
  await first.cancel();
  assert.equal((await sandbox.runCode("ran")).error?.name, "NameError");
});

sandboxTest("a task left behind does not speak into the next execution's result", async ({ sandbox }) => {
  await sandbox.runCode(`
import asyncio
async def late():
    for _ in range(3):
        await asyncio.sleep(0.01)
        print("late")
task = asyncio.create_task(late())`);
  const { logs, results } = await sandbox.runCode("await task\n'done'");
  assert.equal(results.length, 1);
  assert.ok(logs.stdout.every((text) => /^(late\n)+$/.test(text)));
});

kernelTest("killing a sandbox breaks the execution in it", async ({ connection }) => {
  const sandbox = await Sandbox.create(connection);
  const { promise: started, resolve: onStdout } = Promise.withResolvers<unknown>();
  const run = sandbox.runCode("print('started')\nwhile True: pass", { onStdout });
  run.catch(() => {});
  await started;
  await sandbox.kill();
  await assert.rejects(run, TimeoutError);
});
