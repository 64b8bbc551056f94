/** What no fork of a native sandbox can go on with: it is refused in words, and the sandbox goes on. */
import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { findNativeKernels } from "../../local/e2b/native/find.ts";
import { NativeMachines } from "../../local/e2b/native/native_machines.ts";
import type { Machine, MachineInit, Machines } from "../../local/e2b/machine/machine.ts";
import { eventually } from "../support/settle.ts";
import { needing } from "../support/needs.ts";
import { HostMachines } from "./host_machine.ts";
import { nativeTest, outcome } from "./native_server.ts";

interface Refused {
  readonly code: string;
  readonly says: RegExp;
  /** What it prints before and after: that it is still what it was. */
  readonly look: string;
  /** Makes room for the next one. */
  readonly away: string;
}

const REFUSED: Readonly<Record<string, Refused>> = {
  "a generator": {
    code: "kept_generator = (n for n in [1, 2]); list_of_it = [kept_generator]",
    says: /: the variable 'kept_generator' holds a generator, which stands in the middle of its code$/,
    look: "print(kept_generator is list_of_it[0], kept_generator.gi_frame.f_lasti)",
    away: "del kept_generator, list_of_it",
  },
  "a coroutine": {
    code: "async def later(): pass\nwaits = later()",
    says: /the variable 'waits' holds a coroutine/,
    look: "print(waits.cr_frame is not None)",
    away: "waits.close(); del waits",
  },
  "something deep in what a function closes over": {
    code: "def make():\n    inner = {'a': [open('opened', 'w')]}\n    return lambda: inner['a'][0]\nmake_it = make()",
    says: /the variable 'make_it' holds an open file \('opened'\)/,
    look: "print(make_it().closed)",
    away: "make_it().close(); del make_it",
  },
  "a value that only the history has": {
    code: "iter_of = None\n(n for n in [1])",
    says: /the variable '_\d+' holds a generator|the variable '_' holds a generator/,
    look: "print(iter_of)",
    away:
      "Out.clear(); _ = None; exec('del ' + ', '.join(n for n in list(globals()) if n[:1] == '_' and n[1:].isdigit()))",
  },
  "a descriptor that no variable holds": {
    code: "import os\nfrom_there, to_here = os.pipe()",
    says: /an open file \('pipe:\[\d+\]'\) has the descriptor \d+ in it/,
    look: "print(os.write(to_here, b'x'), os.read(from_there, 1))",
    away: "os.close(from_there); os.close(to_here)",
  },
  "a call that asyncio makes again and again": {
    code: "import asyncio\nticks = True\ndef tick():\n  if ticks: asyncio.get_event_loop().call_soon(tick)\ntick()",
    says: /asyncio is to call something later in it/,
    look: "print(ticks)",
    away: "ticks = False",
  },
  "a timer of its processor's time": {
    code: "import signal\n_before = signal.setitimer(signal.ITIMER_PROF, 3600)",
    says: /a timer is set in it that sends it a signal/,
    look: "print(signal.getitimer(signal.ITIMER_PROF)[0] > 0)",
    away: "signal.setitimer(signal.ITIMER_PROF, 0); del _before",
  },
  "a socket": {
    code: "import socket\nears = socket.socket()",
    says: /the variable 'ears' holds a socket/,
    look: "print(ears.fileno() > 0)",
    away: "ears.close(); del ears",
  },
  "a database connection": {
    code: "import sqlite3\nbase = sqlite3.connect(':memory:')\n_cursor = base.execute('create table t (a)')",
    says: /the variable 'base' holds a database connection/,
    look: "print(base.execute('select count(*) from t').fetchone())",
    away: "base.close(); del base, _cursor",
  },
  "a lock that is held": {
    code: "import threading\nheld = threading.RLock(); _taken = held.acquire()",
    says: /the variable 'held' holds a lock that is held/,
    look: "print('count=1' in repr(held))",
    away: "held.release(); del held",
  },
  "a mapped file": {
    code: "import numpy\nmapped = numpy.memmap('mapped', mode='w+', shape=4)",
    says: /the variable 'mapped' holds a mapped file/,
    look: "print(len(mapped))",
    away: "del mapped",
  },
  "a thread": {
    code: "end = threading.Event()\nworker = threading.Thread(target=end.wait, name='worker'); worker.start()",
    says: /a thread runs in it \('worker'\)/,
    look: "print(worker.is_alive())",
    away: "end.set(); worker.join()",
  },
  "a task of asyncio": {
    code: "import asyncio\nasync def slow(): await asyncio.sleep(3600)\ntask = asyncio.ensure_future(slow())",
    says: /a task of asyncio is pending in it \('slow'\)/,
    look: "print(task.done())",
    away: "task.cancel()\ntry: await task\nexcept asyncio.CancelledError: del task",
  },
  "a call that asyncio is to make": {
    code: "call = asyncio.get_event_loop().call_later(3600, print)",
    says: /asyncio is to call something later in it/,
    look: "print(call.cancelled())",
    away: "call.cancel(); del call",
  },
  "a child process": {
    code: "import subprocess\nchild = subprocess.Popen(['sleep', '3600'])",
    says: /a program runs in it: sleep 3600/,
    look: "print(child.poll())",
    away: "child.kill(); _ = child.wait(); del child, _",
  },
  "what does not let itself be copied": {
    code: "class Own:\n    def __reduce__(self): raise KeyError('mine')\nown = [Own()]",
    says: /the variable 'own' holds something that cannot be copied \(KeyError: 'mine'\)/,
    look: "print(type(own[0]) is Own)",
    away: "del own",
  },
  "what does not let itself be made again": {
    code: "class Own:\n    def __setstate__(self, state): raise KeyError('again')\nown = Own(); own.x = 1",
    says: /the variable 'own' holds something that cannot be copied \(KeyError: 'again'\)/,
    look: "print(own.x)",
    away: "del own",
  },
  "what ends the copy of its process": {
    code: "class Own:\n    def __reduce__(self):\n        import os; os._exit(0)\nown = Own()",
    says: /the copy of its variables ended before it was whole/,
    look: "print(type(own) is Own)",
    away: "del own",
  },
  "what never comes to an end": {
    code: "import time\nclass Own:\n    def __reduce__(self): time.sleep(3600)\nown = Own()",
    says: /to copy its variables takes too long/,
    look: "print(type(own) is Own)",
    away: "del own",
  },
  "more than there is memory": {
    code: "class Own:\n    def __reduce__(self): return bytes, (bytes(300_000_000),)\nown = Own()",
    says: /its variables take more room than its sandbox has memory|perhaps for lack of memory/,
    look: "print(type(own) is Own)",
    away: "del own",
  },
  "Python's own modules, replaced": {
    code: "enumerate_threads, threading.enumerate = threading.enumerate, None",
    says: /holds something that cannot be copied \(TypeError/,
    look: "print(threading.enumerate)",
    away: "threading.enumerate = enumerate_threads",
  },
};

nativeTest("what cannot be carried is refused in words, and the sandbox is untouched", async (connection, server) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode("kept = [1]; before = None");
  for (const [name, { code, says, look, away }] of Object.entries(REFUSED)) {
    await sandbox.runCode(code);
    const looks = `${look}\nimport os; print(kept, os.getpid())`;
    const before = await outcome(sandbox, looks);
    assert(!before.includes("Error"), `${name}: ${before}`);
    const refusal = await sandbox.fork().then(() => "it is forked", String);
    assert.match(refusal, says, `${name}: ${refusal}`);
    assert.equal(await outcome(sandbox, looks), before, name);
    assert.equal(await outcome(sandbox, away), "", name);
  }
  const [fork] = await sandbox.fork();
  assert(fork instanceof Sandbox);
  assert.equal(await outcome(fork, "print(kept)"), "[1]\n");
  assert.deepEqual(server.sandboxes().map(({ forkedFrom }) => forkedFrom), [null, sandbox.sandboxId]);
});

nativeTest("a kernel that says anything but its state when it is asked for that is ended", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  for (const id of ["", ',"id":0']) {
    await sandbox.runCode(`
import json, sys
from _sandbox import dumping, server
line = b'{"type":"stdout"${id},"text":"' + b"x" * 1_000_000 + b'"}\\n'
def dump(*_args):
    for _ in range(30): server.write(int(sys.argv[1]), line)
    raise ValueError
dumping.dump = dump`);
    await assert.rejects(sandbox.fork(), /past its cells' output/);
    assert.equal(await outcome(sandbox, "print('a new one')"), "a new one\n");
  }
});

nativeTest("a sandbox is not forked while a command runs, which goes on", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode("kept = 1");
  const command = await sandbox.commands.run("read line; echo heard $line", { background: true, stdin: true });
  await assert.rejects(sandbox.fork(), /a program runs in it: \/bin\/bash/);
  await sandbox.commands.sendStdin(command.pid, "it\n");
  assert.equal((await command.wait()).stdout, "heard it\n");
  const [fork] = await sandbox.fork();
  assert(fork instanceof Sandbox);
  assert.equal(await outcome(fork, "print(kept)"), "1\n");
});

nativeTest("a cell that runs a program is not interrupted for a fork that is refused", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const begun = Promise.withResolvers<void>();
  const running = sandbox.runCode("!echo begun; while [ ! -e go ]; do sleep 0.05; done; echo ended", {
    onStdout: ({ line }) => line.includes("begun") && begun.resolve(),
  });
  await begun.promise;
  await assert.rejects(sandbox.fork(), /a program runs in it/);
  await sandbox.files.write("go", "");
  assert.match((await running).logs.stdout.join(""), /ended/);
});

for (const [language, code] of Object.entries({ bash: "x=1", javascript: "globalThis.x = 1", r: "x <- 1" })) {
  nativeTest(
    `a kernel of ${language} that has run is refused, until it is removed`,
    async (connection, server) => {
      if (!server.languages.some((each) => each === language)) return;
      const sandbox = await Sandbox.create(connection);
      const context = await sandbox.createCodeContext({ language });
      const { error } = await sandbox.runCode(code, { context });
      assert.equal(error, undefined);
      await assert.rejects(
        sandbox.fork(),
        new RegExp(`the state of its ${language} kernel cannot be read from outside`),
      );
      await sandbox.removeCodeContext(context);
      // The process that R has of its own is gone a moment later.
      await eventually("it is forked", async () => (await sandbox.fork().catch(() => [])).length === 1);
    },
  );
}

nativeTest("what variables do when they are made again they do in the fork, and nowhere else", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode(`
import os
class Acts:
    def __reduce__(self): return os.system, ("echo acted > /tmp/acted",)
acts = Acts()`);
  const [fork] = await sandbox.fork();
  assert(fork instanceof Sandbox);
  assert.equal(await fork.files.read("/tmp/acted"), "acted\n");
  assert.equal(await sandbox.files.exists("/tmp/acted"), false);
  await assert.rejects(Deno.stat("/tmp/acted"), Deno.errors.NotFound);
});

const { test } = await needing("the native kernel");

test("a kernel whose state cannot be made again tells so once, and never is there an empty one in silence", async () => {
  await withMachines(async (machines, init) => {
    const broken = { files: null, kernels: new Map([["a", new TextEncoder().encode("no state")]]) };
    const machine = machines.create(init, broken);
    const kernel = await machine.startKernel({ id: "a", isFresh: false, language: "python", cwd: "/home/user" });
    assert.equal(kernel.usable, false);
    assert.match(kernel.verdict, /^What the kernel was when its sandbox was copied could not be made again: it holds/);
    const next = await machine.startKernel({ id: "a", isFresh: false, language: "python", cwd: "/home/user" });
    assert.equal(next.usable, true);
  });
});

test("files that lead out of a sandbox's folders are not unpacked", async () => {
  await withMachines(async (machines, init) => {
    for (const path of ["/etc/passwd", "/home/user/../../etc/passwd", "/home/user/link/passwd"]) {
      const link = head({ path: "/home/user/link", kind: "symlink", target: "/etc" });
      const files = await new Blob([link, head({ path, kind: "file", size: 1, parts: [[0, 1]] }), "x"]).bytes();
      const machine: Machine = machines.create(init, { files, kernels: new Map() });
      await assert.rejects(machine.files.read("/etc/passwd"), /is not in a folder of the sandbox/, path);
    }
  });
});

function head(entry: Record<string, unknown>): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify({ mode: 0o644, modified: 0, metadata: {}, ...entry }));
  const bytes = new Uint8Array(4 + json.length);
  new DataView(bytes.buffer).setUint32(0, json.length);
  bytes.set(json, 4);
  return bytes;
}

async function withMachines(run: (machines: NativeMachines, init: MachineInit) => Promise<void>): Promise<void> {
  const found = await findNativeKernels();
  assert(found.outcome === "found");
  const beside: Machines = new HostMachines();
  const machines = new NativeMachines(found.languages, beside);
  const end = new AbortController();
  try {
    await run(machines, { environment: {}, end: end.signal, onLost: () => {} });
  } finally {
    end.abort();
    await machines.allEnded();
  }
}
