import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import type { Machine, Program } from "../../local/e2b/machine/machine.ts";
import { NativeMachines } from "../../local/e2b/native/native_machines.ts";
import { LIMITS } from "../../local/e2b/native/walls.ts";
import { needing } from "../support/needs.ts";
import { eventually } from "../support/settle.ts";
import { HostMachines } from "./host_machine.ts";
import { nativeTest, outcome } from "./native_server.ts";

const { test } = await needing("the native kernel");

/** A test with a machine that is no sandbox's; `HostMachines` have no kernels beside it. */
function machineTest(name: string, run: (machine: Machine) => Promise<void>): void {
  test(name, async () => {
    const machines = new NativeMachines(["python"], new HostMachines(), { limits: LIMITS });
    const ending = new AbortController();
    try {
      await run(machines.create({ environment: {}, end: ending.signal, onLost: () => {} }));
    } finally {
      ending.abort();
      await machines.allEnded();
    }
  }, { sanitizeOps: true, sanitizeResources: true });
}

function python(...code: string[]): Program {
  return { command: "/usr/bin/python3", args: ["-c", code.join("\n")], environment: {}, cwd: "/home/user" };
}

/** Says so much, and in the file how much of it. */
function flooding(descriptor: 1 | 2): Program {
  return python(
    "import os",
    "said = 0",
    "file = os.open('said', os.O_WRONLY | os.O_CREAT)",
    "while said < 100_000_000:",
    `    said += os.write(${descriptor}, b'x' * 65536)`,
    "    os.pwrite(file, b'%9d' % said, 0)",
  );
}

async function said(machine: Machine): Promise<number> {
  return Number(new TextDecoder().decode(await machine.files.read("/home/user/said").catch(() => new Uint8Array())));
}

for (const descriptor of [1, 2] as const) {
  machineTest(`what nobody reads of descriptor ${descriptor} waits in its program`, async (machine) => {
    const child = await machine.spawn(flooding(descriptor));
    const [unread, other] = descriptor === 1 ? [child.stdout, child.stderr] : [child.stderr, child.stdout];
    let before = -1;
    await eventually("it says no more", async () => {
      const now = await said(machine);
      const isStill = now > 0 && now === before;
      before = now;
      return isStill;
    });
    assert(before < 8_000_000, `${before} bytes`);
    // Others are read meanwhile.
    const next = await machine.spawn(python("print('x' * 3_000_000)"));
    await next.stdin.close();
    assert.equal((await new Response(next.stdout).bytes()).length, 3_000_001);
    assert.deepEqual(await next.status, { code: 0, signal: null });
    await next.stderr.cancel();
    // And all of it comes once somebody reads.
    let length = 0;
    for await (const chunk of unread) length += chunk.length;
    assert(length >= 100_000_000);
    assert.deepEqual(await child.status, { code: 0, signal: null });
    await Promise.all([other.cancel(), child.stdin.close()]);
  });
}

machineTest("what a program does not read waits with who writes it", async (machine) => {
  const child = await machine.spawn(python("import sys, time", "sys.stdin.buffer.read(1)", "time.sleep(1000)"));
  const writer = child.stdin.getWriter();
  let written = 0;
  const writing = (async () => {
    for (; written < 64; written++) await writer.write(new Uint8Array(1024 ** 2));
  })();
  await eventually("some of it is taken", () => written > 0);
  // Whatever else is asked comes after it, and is answered.
  await machine.files.write("/home/user/a", new Uint8Array(5_000_000), {});
  assert.equal((await machine.files.read("/home/user/a")).length, 5_000_000);
  assert(written < 8, `${written} MiB`);
  child.kill("SIGKILL");
  assert.deepEqual(await child.status, { code: 137, signal: "SIGKILL" });
  await writing;
  await Promise.all([child.stdout.cancel(), child.stderr.cancel(), writer.close()]);
});

machineTest("much input comes whole", async (machine) => {
  const child = await machine.spawn(
    python(
      "import hashlib, sys, time",
      "time.sleep(0.1)",
      "print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())",
    ),
  );
  const bytes = new Uint8Array(20_000_000).fill(7);
  const writer = child.stdin.getWriter();
  for (let at = 0; at < bytes.length; at += 3_000_000) await writer.write(bytes.subarray(at, at + 3_000_000));
  await writer.close();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  assert.equal(await new Response(child.stdout).text(), `${digest}\n`);
  await child.stderr.cancel();
  await child.status;
});

machineTest("files of many megabytes are written and read at once with others", async (machine) => {
  const sizes = [0, 1, 1024 ** 2, 1024 ** 2 + 1, 30_000_000];
  await Promise.all(sizes.map(async (size, n) => {
    const path = `/home/user/${n}`;
    const bytes = new Uint8Array(size).fill(n);
    assert.equal((await machine.files.write(path, bytes, {})).size, size);
    assert.deepEqual(await machine.files.read(path), bytes);
  }));
});

machineTest("what a program leaves behind that floods keeps nobody", async (machine) => {
  const child = await machine.spawn(python(
    "import os, subprocess",
    "for stream in (1, 2): subprocess.Popen(['yes'], stdout=stream)",
    "os._exit(3)",
  ));
  const [status] = await Promise.all([
    child.status,
    new Response(child.stdout).bytes(),
    new Response(child.stderr).bytes(),
    child.stdin.close(),
  ]);
  assert.deepEqual(status, { code: 3, signal: null });
});

nativeTest("a child that floods keeps neither its cell nor the next one", async (connection) => {
  const [sandbox, neighbour] = await Promise.all([Sandbox.create(connection), Sandbox.create(connection)]);
  await outcome(neighbour, "x = 1");
  for (const stream of [1, 2]) {
    await outcome(sandbox, `import os, subprocess\nflood = subprocess.Popen(['yes'], stdout=${stream})`);
    assert.equal(await outcome(neighbour, "print(x)"), "1\n");
    await sandbox.files.write("a", "b");
    const { logs } = await sandbox.runCode("for n in range(200): print(n)\nflood.kill(); print('over')");
    assert.match([...logs.stdout, ...logs.stderr].join(""), /over\n/);
  }
});

nativeTest("no output of a cell's child is lost, or comes after its end", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const { logs } = await sandbox.runCode(
    "import subprocess\nfor n in range(50): print('p', n, flush=True); subprocess.run(['echo', 'c', str(n)])",
  );
  // Between the two no order is promised: they come by ways of their own.
  for (const who of ["p", "c"]) {
    const lines = logs.stdout.join("").split("\n").filter((line) => line.startsWith(who));
    assert.deepEqual(lines, Array.from({ length: 50 }, (_, n) => `${who} ${n}`));
  }
});
