import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { Sandbox } from "@e2b/code-interpreter";
import { SandboxNotFoundError } from "e2b";
import { NativeMachines } from "../../local/e2b/native/native_machines.ts";
import { LIMITS } from "../../local/e2b/native/walls.ts";
import { needing } from "../support/needs.ts";
import { eventually } from "../support/settle.ts";
import { HostMachines } from "./host_machine.ts";
import { nativeTest, outcome } from "./native_server.ts";

const { test } = await needing("the native kernel");

// A sandbox can have no less than no memory: bubblewrap refuses to begin.
const BROKEN = new NativeMachines(["python"], new HostMachines(), { limits: { ...LIMITS, memory: 0 } });

nativeTest("walls that cannot be built are an error in words for who asked", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  for (let n = 0; n < 2; n++) {
    const { error } = await sandbox.runCode("1");
    assert.match(error?.value ?? "", /bwrap/);
    await assert.rejects(sandbox.files.read("a"), /The sandbox ended.*bwrap/);
    await assert.rejects(sandbox.files.list("."), /The sandbox ended.*bwrap/);
    await assert.rejects(sandbox.commands.run("true"), /The sandbox ended.*bwrap/);
  }
  assert.equal(await sandbox.kill(), true);
}, { machines: BROKEN });

nativeTest(
  "the death of a sandbox's first process answers all that is asked, and harms no other",
  async (connection) => {
    const [sandbox, neighbour] = await Promise.all([Sandbox.create(connection), Sandbox.create(connection)]);
    await outcome(neighbour, "x = 1");
    const name = `marker-${crypto.randomUUID()}`;
    const code = `import os\nif os.fork() == 0: os.execv("/bin/sleep", ["${name}", "1000"])\nwhile True: pass`;
    const running = sandbox.runCode(code, { timeoutMs: 0 });
    const command = await sandbox.commands.run("sleep 1000", { background: true, timeoutMs: 0 });
    await eventually("it runs", () => find(name) !== undefined);
    Deno.kill(bubblewrapOf(name), "SIGKILL");
    // Its stream breaks, as when a sandbox is killed.
    await assert.rejects(running);
    await assert.rejects(command.wait());
    await eventually("nothing of it runs", () => find(name) === undefined);
    // No sandbox is left that could never run anything again: who has it makes another.
    await assert.rejects(Sandbox.connect(sandbox.sandboxId, connection), SandboxNotFoundError);
    await assert.rejects(sandbox.files.list("."));
    assert.equal(await sandbox.kill(), false);
    assert.equal(await outcome(neighbour, "print(x)"), "1\n");
  },
);

nativeTest("the end of a sandbox answers all that is asked of it", async (connection) => {
  for (let n = 0; n < 5; n++) {
    const sandbox = await Sandbox.create(connection);
    const asked = [
      sandbox.runCode("while True: print(1)", { timeoutMs: 0 }),
      sandbox.files.write("a", new Blob([new Uint8Array(10_000_000)])),
      sandbox.files.list("/usr", { depth: 3 }),
      sandbox.commands.run("cat /dev/zero", { timeoutMs: 0 }),
    ];
    const settled = Promise.allSettled(asked);
    // Each time at another moment.
    for (let turn = 0; turn < n * 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    await sandbox.kill();
    await settled;
  }
});

test("nothing of a sandbox is left when its server is killed", async () => {
  const name = `marker-${crypto.randomUUID()}`;
  const code = `
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: os.execv("/bin/sleep", ["${name}", "1000"])
while True:
    try:
        while True: pass
    except KeyboardInterrupt: pass`;
  const program = `
    import { startE2B } from ${JSON.stringify(import.meta.resolve("../../local/e2b/server.ts"))};
    const server = await startE2B({ kernel: "native" });
    const api = await fetch(server.url + "/v2/sandboxes", {
      method: "POST",
      headers: { "X-API-KEY": server.apiKey },
      body: JSON.stringify({ templateID: "base" }),
    });
    const { sandboxID } = await api.json();
    await fetch(server.url + "/execute", {
      method: "POST",
      headers: { "E2b-Sandbox-Id": sandboxID, "E2b-Sandbox-Port": "49999" },
      body: ${JSON.stringify(JSON.stringify({ code, language: "python" }))},
    });
    await new Promise((resolve) => setTimeout(resolve, 600_000));
  `;
  const server = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", program],
    cwd: new URL("../..", import.meta.url).pathname,
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  await eventually("its code runs", () => find(name) !== undefined);
  const bubblewrap = bubblewrapOf(name);
  server.kill("SIGKILL");
  await server.status;
  await eventually("nothing of it runs", () => find(name) === undefined && read(bubblewrap, "cmdline") === "");
});

/** The process whose arguments begin so. */
function find(name: string): number | undefined {
  return [...Deno.readDirSync("/proc")].map((entry) => Number(entry.name)).find((pid) =>
    read(pid, "cmdline").startsWith(name)
  );
}

/** The outermost process of the sandbox that such a process is in. */
function bubblewrapOf(name: string): number {
  let outermost = 0;
  for (let pid = find(name) ?? 0; pid > 1; pid = Number(/^PPid:\s+(\d+)/m.exec(read(pid, "status"))?.[1] ?? 0)) {
    if (read(pid, "comm") === "bwrap\n") outermost = pid;
  }
  assert(outermost > 0, "there is no bubblewrap above it");
  return outermost;
}

function read(pid: number, what: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${what}`);
  } catch {
    // It has ended.
    return "";
  }
}
