/** Sandboxes that are stopped with their memory and go on, by the SDKs, on each kernel. */
import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { SandboxNotFoundError } from "e2b";
import { findNativeKernels } from "../../local/e2b/native/find.ts";
import type { KernelName } from "../../local/e2b/choose_kernel.ts";
import type { E2BServer, SandboxRecord } from "../../local/e2b/server.ts";
import { eventually } from "../support/settle.ts";
import { e2bTest, toSandbox } from "./local_server.ts";

const native = await findNativeKernels();
const KERNELS: readonly KernelName[] = native.outcome === "found" ? ["pyodide", "native"] : ["pyodide"];

/**
 * Writes a number again and again, each one higher than the one before. The file is never empty: the SDK leaves the body
 * of an empty file for Deno's sanitizer to find.
 */
const COUNT = "for ((n = 0; ; n++)); do echo $n > next; mv next count; sleep 0.01; done";

const FOR_EVER = "import time\nwhile True: time.sleep(0.01)";

for (const kernel of KERNELS) {
  e2bTest(`${kernel}: variables, files and contexts outlast a pause, and no time passes in it`, async (connection) => {
    const sandbox = await Sandbox.create(connection);
    await sandbox.runCode("import time\nheld = {'a': [1, 2]}\ngen = (n * n for n in range(9))\nnext(gen), next(gen)");
    await sandbox.runCode("open('kept.txt', 'w').write('of Python')");
    const context = await sandbox.createCodeContext({ cwd: "/home/user" });
    await sandbox.runCode("own = 'of a context'", { context });

    assert.equal(await sandbox.pause(), true);
    assert.equal(await sandbox.pause(), false);
    const info = await Sandbox.getInfo(sandbox.sandboxId, connection);
    assert.equal(info.state, "paused");

    const again = await Sandbox.connect(sandbox.sandboxId, connection);
    assert.equal((await again.getInfo()).state, "running");
    assert.equal((await again.runCode("held['a'], next(gen)")).text, "([1, 2], 4)");
    assert.equal((await again.runCode("own", { context })).text, "of a context");
    assert.equal(await again.files.read("kept.txt"), "of Python");
    // An instance from before goes on as well.
    assert.equal((await sandbox.runCode("1 + 1")).text, "2");
  }, { kernel });

  e2bTest(
    `${kernel}: a command in the background stands still in a pause, and goes on after it`,
    async (connection) => {
      const sandbox = await Sandbox.create(connection);
      const handle = await sandbox.commands.run(COUNT, { background: true, timeoutMs: 0 });
      const broken = assert.rejects(handle.wait());
      const count = async () => Number(await sandbox.files.read("count").catch(() => "0"));
      await eventually("it counts", async () => await count() > 3);

      await sandbox.pause();
      await broken;
      const seen = await pulse(connection, sandbox.sandboxId);
      assert.deepEqual(seen, [false, false, false]);
      await Sandbox.connect(sandbox.sandboxId, connection);
      const before = await count();
      assert.deepEqual((await sandbox.commands.list()).map(({ pid }) => pid), [handle.pid]);
      await eventually("it counts on", async () => await count() > before + 3);
      const heard = await sandbox.commands.connect(handle.pid, { timeoutMs: 0 });
      const ended = assert.rejects(heard.wait());
      assert.equal(await sandbox.commands.kill(handle.pid), true);
      await ended;
    },
    { kernel },
  );

  e2bTest(
    `${kernel}: an execution that runs loses its connection, is interrupted, and the kernel lives`,
    async (connection) => {
      const sandbox = await Sandbox.create(connection);
      const begun = Promise.withResolvers<void>();
      const run = sandbox.runCode(`x = 1\nprint('begun', flush=True)\n${FOR_EVER}`, {
        onStdout: () => begun.resolve(),
        timeoutMs: 0,
      });
      const broken = assert.rejects(run);
      await begun.promise;
      await sandbox.pause();
      await broken;
      await Sandbox.connect(sandbox.sandboxId, connection);
      assert.equal((await sandbox.runCode("x + 1")).text, "2");
    },
    { kernel },
  );

  e2bTest(
    `${kernel}: a sandbox is killed while it is paused, and nothing of it is left`,
    async (connection, server) => {
      const killed = await Sandbox.create(connection);
      const stopped = await Sandbox.create(connection);
      for (const sandbox of [killed, stopped]) {
        await sandbox.runCode("1");
        const command = await sandbox.commands.run(COUNT, { background: true, timeoutMs: 0 });
        const broken = assert.rejects(command.wait());
        await sandbox.pause();
        // Read to its end: a body of which the client has not yet seen that it is cut is a leak to the sanitizer.
        await broken;
      }
      assert.equal(await killed.kill(), true);
      assert.equal(await killed.kill(), false);
      await assert.rejects(Sandbox.connect(killed.sandboxId, connection), SandboxNotFoundError);
      await assert.rejects(Sandbox.pause(killed.sandboxId, connection), SandboxNotFoundError);
      const [first, second] = server.sandboxes();
      assert.deepEqual([first?.state, second?.state], ["ended", "paused"]);
      // The other one is left to the server's stop: the sanitizer sees a process that outlives it.
    },
    { kernel },
  );

  e2bTest(`${kernel}: at its timeout a sandbox is paused if it was made so`, async (connection, server) => {
    const sandbox = await Sandbox.create({ ...connection, timeoutMs: 60_000, lifecycle: { onTimeout: "pause" } });
    await sandbox.runCode("x = 41");
    await sandbox.setTimeout(1000);
    await eventually("it is paused", () => server.sandboxes()[0]?.state === "paused");
    assert.equal(await sandbox.isRunning(), false);
    await Sandbox.connect(sandbox.sandboxId, { ...connection, timeoutMs: 60_000 });
    assert.equal((await sandbox.runCode("x + 1")).text, "42");
    assert.equal(server.sandboxes()[0]?.ended, null);
  }, { kernel });

  e2bTest(`${kernel}: a request to a port wakes a sandbox that was made so`, async (connection, server) => {
    const sandbox = await Sandbox.create({
      ...connection,
      timeoutMs: 60_000,
      lifecycle: { onTimeout: "pause", autoResume: true },
    });
    await sandbox.runCode("x = 41");
    await sandbox.pause();
    assert.equal((await Sandbox.getInfo(sandbox.sandboxId, connection)).state, "paused");
    const results = await Promise.all(["x + 1", "x + 2"].map((code) => sandbox.runCode(code)));
    assert.deepEqual(results.map(({ text }) => text), ["42", "43"]);
    const [record] = server.sandboxes();
    assert.equal(record?.state, "running");
    assert.equal(record?.awake.length, 2);
    // E2B gives it at least five minutes.
    assert.equal(secondsGiven(record), 300);
  }, { kernel });
}

e2bTest("the API's answers tell what became of a pause", async (connection, server) => {
  const { sandboxId } = await Sandbox.create({ ...connection, timeoutMs: 100_000 });
  const post = async (path: string, body: unknown = {}) => {
    const response = await fetch(`${server.url}${path}`, {
      method: "POST",
      headers: { "X-API-KEY": connection.apiKey },
      body: JSON.stringify(body),
    });
    return [response.status, (await response.text()).replace(/^\{"code".*"message":/, "")] as const;
  };
  const path = `/sandboxes/${sandboxId}`;
  const statuses = async (...requests: Promise<readonly [number, string]>[]) =>
    (await Promise.all(requests)).map(([status]) => status).sort();

  assert.deepEqual(await statuses(post("/sandboxes/none/pause")), [404]);
  assert.match((await post(`${path}/pause`, { memory: false })).join(" "), /^501 .*without its memory/);
  assert.deepEqual(await statuses(post(`/v2${path}/connect`)), [200]);
  assert.deepEqual(await statuses(post(`${path}/pause`), post(`${path}/pause`)), [204, 409]);

  assert.deepEqual(await statuses(post(`${path}/timeout`, { timeout: 10 })), [404]);
  assert.match((await post(`/v2${path}/connect`, { memory: false })).join(" "), /^501 .*without its memory/);
  assert.match((await post(`${path}/resume`)).join(" "), /^501 .*connecting/);
  for (const port of [49983, 49999, 8888, 3000]) {
    const answer = await toSandbox(server, sandboxId, "/health", { port });
    assert.deepEqual([answer.status, (await answer.json()).message], [502, "The sandbox was not found"]);
  }

  const connects = [post(`/v2${path}/connect`, { timeout: 50 }), post(`${path}/connect`, { timeout: 20 })];
  assert.deepEqual(await statuses(...connects), [200, 201]);
  // It is counted anew, and the second one only extends.
  assert.equal(secondsGiven(server.sandboxes()[0]), 50);
  assert.deepEqual(await statuses(post(`${path}/pause`), post(`${path}/connect`)), [201, 204]);
  assert.equal(server.sandboxes()[0]?.state, "running");
  assert.equal(server.sandboxes()[0]?.awake.length, 3);
});

e2bTest("a stranger's request wakes no sandbox that is closed to the public", async (connection, server) => {
  const made = { ...connection, network: { allowPublicTraffic: false } };
  const [kept, woken] = await Promise.all([
    Sandbox.create(made),
    Sandbox.create({ ...made, lifecycle: { onTimeout: "pause", autoResume: true } }),
  ]);
  await Promise.all([kept.pause(), woken.pause()]);
  const statusOf = async ({ sandboxId }: Sandbox, headers = {}) => {
    const answer = await toSandbox(server, sandboxId, "/health", { headers });
    await answer.body?.cancel();
    return answer.status;
  };
  assert.deepEqual([await statusOf(kept), await statusOf(woken)], [502, 403]);
  assert.deepEqual(server.sandboxes().map(({ state }) => state), ["paused", "paused"]);
  assert.equal(await statusOf(woken, { "E2B-Traffic-Access-Token": woken.trafficAccessToken }), 200);
});

e2bTest("lists and records tell the paused from the running", async (connection, server) => {
  const [running, paused] = await Promise.all([Sandbox.create(connection), Sandbox.create(connection)]);
  await paused.pause();
  const listed = async (state?: ("running" | "paused")[]) => {
    const page = await Sandbox.list({ ...connection, query: { state } }).nextItems();
    return page.map((item) => `${item.sandboxId} ${item.state}`).sort();
  };
  const [isRunning, isPaused] = [`${running.sandboxId} running`, `${paused.sandboxId} paused`];
  assert.deepEqual(await listed(), [isRunning, isPaused].sort());
  assert.deepEqual(await listed(["running"]), [isRunning]);
  assert.deepEqual(await listed(["paused"]), [isPaused]);

  const record = () => server.sandboxes().find(({ sandboxId }) => sandboxId === paused.sandboxId);
  const [span, ...more] = record()?.awake ?? [];
  assert.deepEqual([record()?.state, more.length], ["paused", 0]);
  assert.deepEqual(record()?.endAt, span?.end);
  await Sandbox.connect(paused.sandboxId, connection);
  await paused.kill();
  assert.equal(record()?.state, "ended");
  assert.equal(record()?.awake.length, 2);
  assert.equal(record()?.awake.every(({ begin, end }) => end !== null && begin <= end), true);
});

e2bTest("a pause waits for a kernel that starts, and a kill for no pause", async (connection, server) => {
  const { sandboxId } = await Sandbox.create(connection);
  const sandbox = await Sandbox.connect(sandboxId, connection);
  const broken = assert.rejects(sandbox.runCode(FOR_EVER, { timeoutMs: 0 }));
  await eventually("the kernel starts", () => isBusy(server, sandboxId), { everyMilliseconds: 5 });
  assert.equal(await sandbox.pause(), true);
  await broken;
  await Sandbox.connect(sandboxId, connection);
  assert.equal((await sandbox.runCode("1 + 1")).text, "2");

  const other = await Sandbox.create(connection);
  const brokenToo = assert.rejects(other.runCode(FOR_EVER, { timeoutMs: 0 }));
  await eventually("the kernel starts", () => isBusy(server, other.sandboxId), { everyMilliseconds: 5 });
  const pausing = other.pause();
  assert.equal(await other.kill(), true);
  await Promise.all([assert.rejects(pausing, SandboxNotFoundError), brokenToo]);
});

/** Whether a sandbox answers, asked three times. */
async function pulse(connection: Parameters<typeof Sandbox.connect>[1], sandboxId: string): Promise<boolean[]> {
  const url = connection?.sandboxUrl;
  const answers: boolean[] = [];
  for (let n = 0; n < 3; n++) {
    const answer = await fetch(`${url}/health`, {
      headers: { "E2b-Sandbox-Id": sandboxId, "E2b-Sandbox-Port": "49983" },
    });
    await answer.body?.cancel();
    answers.push(answer.ok);
  }
  return answers;
}

async function isBusy(server: E2BServer, sandboxId: string): Promise<boolean> {
  const kernels: { execution_state: string }[] = await (await toSandbox(server, sandboxId, "/api/kernels", {
    port: 8888,
  })).json();
  return kernels.some(({ execution_state }) => execution_state === "busy");
}

/** How long it was to run when it woke. */
function secondsGiven(record: SandboxRecord | undefined): number {
  return Math.round(((record?.endAt.getTime() ?? 0) - (record?.awake.at(-1)?.begin.getTime() ?? 0)) / 1000);
}
