import assert from "node:assert/strict";
import { Sandbox, TimeoutError } from "@e2b/code-interpreter";
import type { E2BServer } from "../../local/e2b/server.ts";
import { e2bTest, toSandbox } from "./local_server.ts";

/** Starts a cell and hangs up as soon as it has said "started". */
async function startAndDisconnect(server: E2BServer, sandboxId: string, code: string): Promise<void> {
  const { body } = await toSandbox(server, sandboxId, "/execute", { body: { code } });
  assert.ok(body);
  // Leaving the loop cancels the body and so closes the connection. Aborting
  // the fetch would too, but Deno's sometimes goes on reading.
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    if (text.includes("started")) return;
  }
  assert.fail("the cell never started");
}

e2bTest("a client that hangs up interrupts the cell and keeps the variables", async (connection, server) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode("import asyncio, time\nx = 'kept'");
  const cells = [
    "while True: pass",
    "time.sleep(60)",
    "await asyncio.sleep(60)",
    "while True: print('flood' * 1000)",
    "async def spin():\n    while True: pass\nawait asyncio.create_task(spin())",
    "try:\n    time.sleep(60)\nfinally:\n    x += ', finally run'",
  ];
  for (const cell of cells) {
    await startAndDisconnect(server, sandbox.sandboxId, `print("started")\n${cell}`);
    const { text } = await sandbox.runCode("x");
    assert.match(text ?? "", /^kept/, cell);
  }
  assert.equal((await sandbox.runCode("x")).text, "kept, finally run");
});

e2bTest("the SDK's own time limit interrupts too", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode("x = 1");
  await assert.rejects(sandbox.runCode("while True: pass", { timeoutMs: 300 }), TimeoutError);
  assert.equal((await sandbox.runCode("x")).text, "1");
});

e2bTest("a cell that ignores the interrupt loses its kernel, and only that", async (connection, server) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode("x = 1");
  await startAndDisconnect(
    server,
    sandbox.sandboxId,
    `while True:
    try:
        print("started")
        while True: pass
    except BaseException: pass`,
  );
  const next = await sandbox.runCode("x");
  assert.equal(next.error?.name, "NameError");
  assert.equal(next.executionCount, 1);
});

e2bTest("a client that hangs up while it waits its turn runs nothing", async (connection, server) => {
  const sandbox = await Sandbox.create(connection);
  const { promise: started, resolve: onStdout } = Promise.withResolvers<unknown>();
  const first = sandbox.runCode("print('started')\nimport time\ntime.sleep(0.5)", { onStdout });
  await started;
  const client = new AbortController();
  const second = await toSandbox(server, sandbox.sandboxId, "/execute", {
    body: { code: "ran = True" },
    signal: client.signal,
  });
  client.abort();
  await assert.rejects(second.text());
  await first;
  assert.equal((await sandbox.runCode("ran")).error?.name, "NameError");
});

e2bTest("a task left behind does not speak into the next execution's result", async (connection) => {
  const sandbox = await Sandbox.create(connection);
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

e2bTest("killing a sandbox breaks the execution in it", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const { promise: started, resolve: onStdout } = Promise.withResolvers<unknown>();
  const run = sandbox.runCode("print('started')\nwhile True: pass", { onStdout });
  run.catch(() => {});
  await started;
  await sandbox.kill();
  await assert.rejects(run, TimeoutError);
});
