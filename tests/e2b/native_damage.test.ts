import assert from "node:assert/strict";
import { type CommandHandle, FileType, Sandbox } from "@e2b/code-interpreter";
import { eventually } from "../support/settle.ts";
import { nativeTest, outcome } from "./native_server.ts";

/** What code does to the process that minds its sandbox, or to its own kernel, and what it is told. */
interface Damage {
  readonly code: string;
  readonly says: RegExp;
  readonly language?: string;
  /** Whether it ends all kernels of its sandbox. */
  readonly hitsAll?: boolean;
}

const DAMAGE: Readonly<Record<string, Damage>> = {
  "signals to the first process": {
    code: "import os, signal\nfor number in range(1, 65): os.kill(1, number)\nprint('sent')",
    says: /^sent/,
  },
  "a signal to all processes": { code: "import os; os.kill(-1, 9)", says: /^$|ContextRestarting/, hitsAll: true },
  "a real-time signal to itself": { code: "import os; os.kill(os.getpid(), 40)", says: /ContextRestarting/ },
  "a stop of itself by its end": { code: "import os; os.abort()", says: /ContextRestarting/ },
  "a message descriptor that it closes": {
    code: "import os, sys; os.close(int(sys.argv[1]))\nwhile True: pass",
    says: /ContextRestarting/,
  },
  "a message descriptor that it closes while a child floods": {
    code: `
import os, subprocess, sys
subprocess.Popen(['yes'], stdout=2)
os.close(int(sys.argv[1]))
while True: pass`,
    says: /ContextRestarting/,
  },
  "garbage among its messages": {
    code: `
import os, sys
os.write(int(sys.argv[1]), b'no json\\n{"type":"stdout"}\\n[]\\n\\x00\\xff\\n{"type":"error","id":7}\\n\\n')
print("said")`,
    says: /^said\n$/,
  },
  "frames among its messages": {
    code: `
import os, struct, sys
frame = lambda kind, number, text: struct.pack(">BII", kind, number, len(text)) + text
for number in range(1, 20):
    text = frame(0, number, b'{"result":1}') + frame(3, number, b'{"type":"exited","code":0,"signal":null}') + b"\\n"
    for descriptor in (1, 2, int(sys.argv[1])): os.write(descriptor, text)
print("said")`,
    says: /said\n/,
  },
  "a line without an end": {
    code: "import os, sys\nwhile True: os.write(int(sys.argv[1]), b'x' * 100_000)",
    says: /a line is longer than/,
  },
  "noise without an end": {
    code: "import os, sys\nwhile True: os.write(int(sys.argv[1]), b'\\n' * 1000)",
    says: /past its cells' output/,
  },
  "pieces of a state that nobody has asked for": {
    code: `
import os, sys
line = b'{"type":"piece","id":-1,"content":"' + b"eHh4" * 10_000 + b'"}\\n'
while True: os.write(int(sys.argv[1]), line)`,
    says: /past its cells' output/,
  },
  "the end of the bash that runs it": { code: "kill -9 $$", language: "bash", says: /ContextRestarting/ },
  "a folder that has no end": {
    code: "import os\nfor _ in range(3000): os.mkdir('d'); os.chdir('d')\nos.chdir('/home/user')\nprint('made')",
    says: /^made\n$/,
  },
};

nativeTest("what damages a kernel costs that one at most", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.files.write("kept", "yes");
  for (const [name, { code, says, language = "python", hitsAll = false }] of Object.entries(DAMAGE)) {
    assert.match(await outcome(sandbox, code, language), says, name);
    await eventually(name, async () => await outcome(sandbox, "print(1)") === "1\n");
    // The other kernel may be the next to say that it was hit.
    if (hitsAll) await eventually(name, async () => await outcome(sandbox, "echo 1", "bash") === "1\n");
    assert.equal(await outcome(sandbox, "echo 1", "bash"), "1\n", name);
    assert.equal(await sandbox.files.read("kept"), "yes", name);
  }
});

nativeTest("commands that end by a signal tell which, and take nothing with them", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  for (const number of [2, 9, 15, 34, 40, 63, 64]) {
    const command = `sh -c 'kill -${number} $$'`;
    await assert.rejects(sandbox.commands.run(`exec ${command}`), (error: { exitCode?: number }) => {
      assert.equal(error.exitCode === -1 || error.exitCode === 128 + number, true, `${number}: ${error.exitCode}`);
      return true;
    });
  }
  assert.equal((await sandbox.commands.run("echo 1")).stdout, "1\n");
});

/** Paths that a files API must neither wait at nor read without end. */
const PATHS: Readonly<Record<string, RegExp>> = {
  "/dev/zero": /is not a file/,
  "/dev/random": /is not a file/,
  "/dev/tty": /is not a file/,
  "/dev/ptmx": /is not a file/,
  "/dev/stdin": /./,
  "/dev/fd/0": /./,
  "/proc/self/fd/0": /./,
  "/proc/self/fd/1": /./,
  "/proc/1/fd/1": /./,
  "/proc/1/environ": /ermission denied/,
  "/proc/1/mem": /ermission denied/,
  "/proc/1/root/var": /does not exist|ermission denied/,
  "/proc/self/root/etc/shadow": /does not exist|ermission denied/,
  "/home/user/pipe": /is not a file/,
  "/home/user/to-pipe": /is not a file/,
  "/home/user/socket": /is not a file/,
  "/home/user/to-shadow": /does not exist/,
  "/home/user/loop": /symbolic links/,
  "/home/user/out/shadow": /does not exist/,
};

nativeTest("no path leads the files API out of a sandbox, or keeps it waiting", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.files.write("secret", "mine");
  await outcome(
    sandbox,
    `
import os, socket
os.mkfifo("pipe"); os.symlink("pipe", "to-pipe"); os.symlink("/etc/shadow", "to-shadow")
os.symlink("loop", "loop"); os.symlink("/proc/self/root/etc", "out"); os.symlink("/usr/lib", "lib")
socket.socket(socket.AF_UNIX).bind("socket")`,
  );
  for (const [path, says] of Object.entries(PATHS)) {
    await assert.rejects(sandbox.files.read(path), says, `read ${path}`);
    // These are the sandbox's own.
    if (!/shadow$|loop$/.test(path)) {
      await assert.rejects(sandbox.files.write(path, "x"), /./, `write ${path}`);
    }
  }
  // What it writes there is the sandbox's own.
  await sandbox.files.write("to-shadow", "x");
  assert.equal(await sandbox.files.read("/etc/shadow"), "x");
  await assert.rejects(sandbox.files.write("lib/mine", "x"), /ead-only/);
  await assert.rejects(sandbox.files.write("/usr/lib/mine", "x"), /ead-only/);
  for (const path of ["/dev", "/dev/zero", "/dev/ptmx", "/proc", "/proc/self", "/proc/1/fd", "/usr/bin", "/"]) {
    await assert.rejects(sandbox.files.rename(path, "/home/user/moved"), /./, `move ${path}`);
    await assert.rejects(sandbox.files.remove(path), /./, `remove ${path}`);
  }
  assert.equal(await sandbox.files.read("secret"), "mine");
  assert.equal(await outcome(sandbox, "print(1)"), "1\n");
});

/** Kills a command, and waits until the SDK has read all of it. */
async function endOf(command: CommandHandle): Promise<void> {
  await command.kill();
  await assert.rejects(command.wait());
}

nativeTest("files of /proc that have no end are read to a bound", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const command = await sandbox.commands.run("exec sleep 1000", { background: true });
  const { pid } = command;
  // While a program takes another's place, nobody may look into it.
  await eventually(
    "it is sleep",
    async () => (await sandbox.files.read(`/proc/${pid}/status`)).startsWith("Name:\tsleep\n"),
  );
  assert.equal((await sandbox.files.read(`/proc/${pid}/pagemap`, { format: "bytes" })).length, 1024 ** 2);
  await assert.rejects(sandbox.files.read(`/proc/${pid}/mem`), /nput\/output error/);
  await endOf(command);
});

nativeTest("a file that grows while it is read has an end", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const command = await sandbox.commands.run("while :; do head -c 100000 /dev/zero; done > grows", {
    background: true,
  });
  await eventually("it grows", async () => (await sandbox.commands.run("cat grows | wc -c")).stdout !== "0\n");
  assert((await sandbox.files.read("grows")).length > 0);
  await endOf(command);
  await sandbox.commands.run("pkill head; true");
});

nativeTest("programs that race the files API harm it nothing", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const race = await sandbox.commands.run(
    `mkdir -p /tmp/a; while :; do
      ln -sfn /etc race; rm -rf race; mkdir -p race/deep; rm -f .upload-* race/.upload-*; rm -rf race
      mkfifo race 2>/dev/null; rm -f race; done`,
    { background: true },
  );
  for (let n = 0; n < 100; n++) {
    // Any of them may fail; none may hang, or end the sandbox.
    await Promise.allSettled([
      sandbox.files.write("race/file", "x".repeat(10_000)),
      sandbox.files.write("race", "x"),
      sandbox.files.list("race", { depth: 5 }),
      sandbox.files.rename("race", "/tmp/moved"),
      sandbox.files.remove("race"),
      sandbox.files.remove("/tmp/moved"),
    ]);
  }
  await endOf(race);
  assert.equal((await sandbox.commands.run("echo 1")).stdout, "1\n");
});

nativeTest("folders that go while they are watched end nothing", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const seen = new Set<string>();
  const exited = Promise.withResolvers<unknown>();
  const options = { recursive: true, onExit: exited.resolve };
  await sandbox.files.watchDir(".", ({ name }) => void seen.add(name), options);
  await sandbox.commands.run("for n in $(seq 300); do mkdir -p a/b/c/d; rm -rf a; done; echo x > last");
  await eventually("the last is seen", () => seen.has("last"));
  // The SDK's own `stop` is not noticed before the next message, and then it still asks whether the sandbox is there.
  await sandbox.kill();
  await exited.promise;
});

nativeTest("folders too deep for the files API are refused in words", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  await outcome(sandbox, "import os\nfor _ in range(1500): os.mkdir('d'); os.chdir('d')");
  await assert.rejects(sandbox.files.list("/home/user", { depth: 2000 }), /deep|long/);
  await assert.rejects(sandbox.files.remove("d"), /deep|long|many/);
  await assert.rejects(sandbox.files.rename("d", "/tmp/d"), /./);
  await sandbox.commands.run("cd; rm -rf d");
  const entries = await sandbox.files.list("/home/user");
  assert.equal(entries.filter(({ type }) => type === FileType.DIR).map(({ name }) => name).includes("d"), false);
});

nativeTest("a program that outlives its parent ends with its sandbox", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const name = `orphan-${crypto.randomUUID()}`;
  await outcome(
    sandbox,
    `
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: os.execv("/bin/sleep", [${JSON.stringify(name)}, "1000"])
    os._exit(0)
os.wait()`,
  );
  await eventually("it runs", () => commandLines().some((line) => line.startsWith(name)));
  await sandbox.kill();
  await eventually("it has ended", () => !commandLines().some((line) => line.startsWith(name)));
});

nativeTest("what ends in a sandbox is reaped", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.commands.run("for n in $(seq 300); do (setsid true &) ; done");
  await eventually(
    "nothing is left of them",
    async () => !(await sandbox.commands.run("ps -eo stat= | grep ^Z; true")).stdout.includes("Z"),
  );
});

function commandLines(): string[] {
  return [...Deno.readDirSync("/proc")].filter(({ name }) => /^\d+$/.test(name)).map(({ name }) => {
    try {
      return Deno.readTextFileSync(`/proc/${name}/cmdline`);
    } catch {
      // It has just ended.
      return "";
    }
  });
}
