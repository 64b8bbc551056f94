import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { eventually } from "../support/settle.ts";
import { nativeTest, outcome } from "./native_server.ts";

/** Each takes all that it can get. What must come of it, and that the sandbox goes on, is what is tested. */
const BOMBS: Readonly<Record<string, { readonly code: string; readonly says: RegExp }>> = {
  "memory of one process": {
    code: "hoard = []\nwhile True: hoard.append(bytearray(10_000_000))",
    says: /ContextRestarting.*more than 256 MiB of memory/,
  },
  "memory of many processes": {
    code: `
import os, time
for _ in range(100):
    if os.fork() == 0:
        hoard = []
        while True: hoard.append(bytearray(1_000_000))
while True: os.wait()`,
    says: /ChildProcessError|ContextRestarting/,
  },
  "memory of processes that come again": {
    code: `
import os
while True:
    try:
        if os.fork() == 0:
            hoard = bytearray(20_000_000)
            while True: hoard += bytearray(1_000_000)
    except OSError: pass`,
    says: /ContextRestarting.*more than 256 MiB of memory/,
  },
  "memory of processes that hide": {
    code: `
import ctypes
ctypes.CDLL(None).prctl(4, 0)
hoard = []
while True: hoard.append(bytearray(10_000_000))`,
    says: /ContextRestarting.*more than 256 MiB of memory/,
  },
  "shared memory": {
    code: `
import mmap
hoard = []
while True:
    hoard.append(mmap.mmap(-1, 16_000_000))
    hoard[-1].write(bytes(16_000_000))`,
    says: /ContextRestarting.*more than 256 MiB of memory/,
  },
  "tables of pages": {
    code: `
import mmap
while True:
    space = mmap.mmap(-1, 1 << 31, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
    for at in range(0, 1 << 31, 1 << 21): space[at]
    globals().setdefault("hoard", []).append(space)`,
    says: /MemoryError|Cannot allocate memory|ContextRestarting/,
  },
  "memory of sockets": {
    code: `
import os, socket
hoard = []
def fill():
    while True:
        a, b = socket.socketpair()
        hoard.extend((a, b))
        for each in (a, b):
            each.setblocking(False)
            try:
                while True: each.send(bytes(65536))
            except BlockingIOError: pass
for _ in range(20):
    if os.fork() == 0:
        try: fill()
        finally:
            while True: pass
while True: os.wait()`,
    says: /ChildProcessError|ContextRestarting/,
  },
  "files of the home": {
    code: "with open('full', 'wb') as file:\n  while True: file.write(bytes(1_000_000))",
    says: /OSError.*(No space left|too large)/,
  },
  "files of /tmp": {
    code: "with open('/tmp/full', 'wb') as file:\n  while True: file.write(bytes(1_000_000))",
    says: /OSError.*(No space left|too large)/,
  },
  "files of /dev/shm": {
    code: "with open('/dev/shm/full', 'wb') as file:\n  while True: file.write(bytes(1_000_000))",
    says: /OSError.*(No space left|too large)/,
  },
  "descriptors": {
    code: "hoard = []\nwhile True: hoard.append(open('/dev/null'))",
    says: /OSError.*Too many open files/,
  },
  "threads": {
    code: "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()",
    says: /RuntimeError.*start new thread/,
  },
};

for (const [name, { code, says }] of Object.entries(BOMBS)) {
  nativeTest(`a bomb of ${name} costs nobody else anything`, async (connection) => {
    const [sandbox, neighbour] = await Promise.all([Sandbox.create(connection), Sandbox.create(connection)]);
    await outcome(neighbour, "x = 1");
    let isOver = false;
    const exploded = outcome(sandbox, code).finally(() => isOver = true);
    do assert.equal(await outcome(neighbour, "print(x)"), "1\n"); while (!isOver);
    assert.match(await exploded, says);
    // Whatever it left: a file of its own can be removed, and then there is room.
    for (const full of ["full", "/tmp/full", "/dev/shm/full"]) await sandbox.files.remove(full);
    await eventually("the sandbox runs code", async () => await outcome(sandbox, "print(2)") === "2\n");
    await sandbox.kill();
  });
}

nativeTest("a sandbox full of files says so, and is well again without them", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const fill = (path: string) => `
with open('${path}', 'wb') as file:
    try:
        while True: file.write(bytes(1_000_000))
    except OSError as error: print(error.strerror)`;
  for (const path of ["full", "/tmp/full", "/dev/shm/full", "/root/full", "/etc/full"]) {
    assert.equal(await outcome(sandbox, fill(path)), "No space left on device\n", path);
  }
  await assert.rejects(sandbox.files.write("more", "x".repeat(100_000)), /no room left/);
  assert.equal(await outcome(sandbox, "print(1)"), "1\n");
  for (const path of ["full", "/tmp/full"]) await sandbox.files.remove(path);
  await sandbox.files.write("more", "x".repeat(100_000));
});

nativeTest("what processes share counts once", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const said = await outcome(
    sandbox,
    `
import os, time
data = bytearray(100_000_000)
children = []
for _ in range(6):
    if (child := os.fork()) == 0:
        time.sleep(1)
        os._exit(0)
    children.append(child)
print([os.waitpid(child, 0)[1] for child in children])`,
  );
  assert.equal(said, "[0, 0, 0, 0, 0, 0]\n");
});

const FORK_BOMBS = {
  python: "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass",
  bash: "bomb() { bomb | bomb & }; bomb; while true; do :; done",
};

for (const [language, code] of Object.entries(FORK_BOMBS)) {
  nativeTest(
    `a fork bomb in ${language} keeps neither the server nor its neighbour, and can be killed`,
    async (connection) => {
      const [sandbox, neighbour] = await Promise.all([Sandbox.create(connection), Sandbox.create(connection)]);
      await outcome(neighbour, "x = 1");
      await sandbox.files.write("started", "no");
      const bomb = outcome(
        sandbox,
        language === "python" ? `open('started', 'w').write('yes')\n${code}` : `echo -n yes >started; ${code}`,
        language,
      );
      bomb.catch(() => {});
      await eventually("it has begun", async () => await sandbox.files.read("started") === "yes");
      for (let n = 0; n < 10; n++) {
        assert.equal(await outcome(neighbour, "print(x)"), "1\n");
        assert.deepEqual(await sandbox.files.list(".").then((entries) => entries.length > 0), true);
      }
      assert.equal(await sandbox.kill(), true);
      await bomb.catch(() => {});
      assert.equal(await outcome(neighbour, "print(x)"), "1\n");
    },
  );
}
