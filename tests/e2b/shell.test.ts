/** `sandbox.commands` of the unchanged SDK where there are no programs: the shell is just-bash. */
import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { CommandExitError, NotFoundError, TimeoutError } from "e2b";
import { needing } from "../support/needs.ts";
import { eventually } from "../support/settle.ts";
import { messagesOf, openStream } from "./connect_client.ts";
import { e2bTest } from "./local_server.ts";

const { test } = await needing("Linux's /proc");

async function failed(run: Promise<unknown>): Promise<CommandExitError> {
  const error = await run.then(() => null, (reason) => reason);
  assert(error instanceof CommandExitError, String(error));
  return error;
}

e2bTest("a command of the shell says what it has to say and how it ended", async (connection) => {
  const { commands } = await Sandbox.create({ ...connection, envs: { GLOBAL: "1", BOTH: "sandbox" } });
  const result = await commands.run('echo "$GLOBAL $BOTH $USER ü"; echo no >&2; pwd; seq 3 | sort -r | tr "\\n" ,', {
    envs: { BOTH: "command" },
  });
  assert.deepEqual([result.stdout, result.stderr, result.exitCode], [
    "1 command user ü\n/home/user\n3,2,1,",
    "no\n",
    0,
  ]);
  const error = await failed(commands.run("echo out; exit 3"));
  assert.deepEqual([error.exitCode, error.stdout, error.error], [3, "out\n", "exit status 3"]);
  const root = await commands.run("whoami; echo $HOME $UID; pwd", { user: "root" });
  assert.equal(root.stdout, "root\n/root 0\n/\n");
  assert.equal((await commands.run("")).stdout, "");
  assert.equal((await failed(commands.run("echo 'unfinished"))).exitCode, 2);
});

e2bTest("what the shell has not fails in bash's words", async (connection, server) => {
  const { commands, sandboxId } = await Sandbox.create(connection);
  for (const program of ["python3", "node", "git", "curl", "uname"]) {
    const { exitCode, stderr } = await failed(commands.run(`${program} --version`));
    assert.deepEqual([exitCode, stderr], [127, `bash: ${program}: command not found\n`]);
  }
  assert.match((await failed(commands.run("ln -s a b"))).stderr, /have no links/);
  const process = { cmd: "/usr/bin/python3", args: ["-c", "1"] };
  const refused = messagesOf(await openStream(server, sandboxId, "process.Process/Start", { process }));
  assert.deepEqual(await Array.fromAsync(refused), [{
    error: {
      code: "unimplemented",
      message: "a local sandbox without real programs runs nothing but `bash -c`, which commands.run does",
    },
  }]);
});

e2bTest("commands share files and nothing else", async (connection) => {
  const { commands } = await Sandbox.create(connection);
  await commands.run("export X=1; Y=2; f() { echo f; }; alias a=b; cd /tmp; echo kept > kept; set -e");
  assert.equal((await commands.run("echo [$X$Y]; pwd; cat /tmp/kept")).stdout, "[]\n/home/user\nkept\n");
  assert.equal((await failed(commands.run("f"))).exitCode, 127);
});

e2bTest("files are what bash makes of them", async (connection) => {
  const { commands, files } = await Sandbox.create(connection);
  await commands.run(
    "mkdir -p a/b 'c d' && echo one > a/b/x.txt && echo two >> a/b/x.txt && cp -r a copy && mv copy 'c d'",
  );
  assert.equal(await files.read("c d/copy/b/x.txt"), "one\ntwo\n");
  assert.equal(
    (await commands.run("find . -name '*.txt' | sort; ls 'c d'/*/b/*.txt")).stdout,
    [
      "./a/b/x.txt\n",
      "./c d/copy/b/x.txt\n",
      "c d/copy/b/x.txt\n",
    ].join(""),
  );
  await commands.run("rm -r 'c d'; rmdir -p a 2>/dev/null; printf '#!/bin/bash\\necho \"ran $1\"\\n' > run.sh");
  assert.equal(await files.exists("c d"), false);
  assert.equal(await files.exists("a/b"), true);
  assert.equal((await failed(commands.run("./run.sh"))).exitCode, 126);
  await commands.run("chmod +x run.sh");
  assert.equal(
    (await commands.run("./run.sh here; [ -x run.sh ] && [ ! -x a/b/x.txt ] && echo yes")).stdout,
    "ran here\nyes\n",
  );
  for (
    const command of ["cat nope", "cd run.sh", "rm a", "rmdir a", "mkdir run.sh", "echo x > no/such", "echo x > a"]
  ) {
    const { exitCode, stderr } = await failed(commands.run(command));
    assert.equal(exitCode, 1, command);
    assert.match(stderr, /\w/, command);
  }
  assert.equal(await files.exists("no"), false);
  const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index * 7);
  await files.write("bytes", new Blob([bytes]));
  await commands.run("cat bytes bytes > twice; gzip -k twice; rm twice; gunzip twice.gz; head -c 70000 twice > once");
  assert.deepEqual(await files.read("once", { format: "bytes" }), bytes);
});

e2bTest("client, cell and command see the same files, also while a command runs", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const { commands, files } = sandbox;
  const running = await commands.run("echo up > up; while [ ! -e go ]; do sleep 0.02; done; cat go", {
    background: true,
  });
  await eventually("the command's file is there", () => files.exists("up"), { everyMilliseconds: 10 });
  assert.equal((await sandbox.runCode("open('cell', 'w').write('from a cell'); open('up').read().strip()")).text, "up");
  assert.equal((await commands.run("cat cell")).stdout, "from a cell");
  await files.write("go", "from the client\n");
  assert.equal((await running.wait()).stdout, "from the client\n");
});

e2bTest("a command of the shell is given its input in one piece, when that has ended", async (connection) => {
  const { commands } = await Sandbox.create(connection);
  const handle = await commands.run('read -r first; echo "<$first>"; cat', { background: true, stdin: true });
  await handle.sendStdin("one\ntw");
  await handle.sendStdin("ö\n");
  await handle.closeStdin();
  assert.equal((await handle.wait()).stdout, "<one>\ntwö\n");
  assert.equal((await commands.run("cat")).stdout, "");
});

e2bTest("commands of the shell are listed and killed, each alone", async (connection) => {
  const { commands } = await Sandbox.create(connection);
  const [first, second] = await Promise.all([
    commands.run("sleep 100; echo first", { background: true }),
    commands.run("while [ ! -e go ]; do sleep 0.02; done; echo second", { background: true }),
  ]);
  assert.notEqual(first.pid, second.pid);
  assert.deepEqual((await commands.list()).map(({ pid }) => pid).sort(), [first.pid, second.pid].sort());
  assert.equal(await commands.kill(first.pid), true);
  await assert.rejects(first.wait(), { exitCode: -1, error: "signal: killed" });
  assert.equal(await commands.kill(first.pid), false);
  await assert.rejects(commands.connect(first.pid), NotFoundError);
  const joined = await commands.connect(second.pid);
  await commands.run("touch go");
  assert.equal((await joined.wait()).stdout, "second\n");
  assert.equal((await second.wait()).stdout, "second\n");
  // A loop that never yields is killed like any other.
  await assert.rejects(
    commands.run("for i in $(seq 1 90000); do for j in $(seq 1 9); do :; done; done", { timeoutMs: 100 }),
    TimeoutError,
  );
  await eventually("it is gone", async () => (await commands.list()).length === 0);
  assert.equal((await commands.run("echo after")).stdout, "after\n");
});

e2bTest("a command of the shell cannot say or keep without bound", async (connection) => {
  const { commands, files } = await Sandbox.create(connection);
  await files.write("big", new Blob([new Uint8Array(9 * 1024 * 1024).fill(97)]));
  assert.equal((await commands.run("cat big")).stdout.length, 9 * 1024 * 1024);
  const said = await failed(commands.run("cat big big"));
  assert.deepEqual([said.exitCode, said.stdout], [126, ""]);
  assert.match(said.stderr, /output size limit exceeded/);
  assert.match((await failed(commands.run("cat big big > bigger"))).stderr, /limit|EFBIG/);
  for (const name of ["1", "2", "3", "4", "5", "6"]) {
    await files.write(name, new Blob([new Uint8Array(9 * 1024 * 1024)]));
  }
  const { exitCode, stderr } = await failed(commands.run("cp big more || exit 9"));
  assert.equal(exitCode, 9);
  assert.match(stderr, /ENOSPC/);
  assert.equal((await failed(commands.run("while true; do :; done"))).exitCode, 126);
});

e2bTest("the shell sees nothing of this machine", async (connection) => {
  const { commands } = await Sandbox.create(connection);
  const here = new URL("..", import.meta.url).pathname;
  const other = await Sandbox.create(connection);
  await other.files.write("secret", "x");
  for (const path of ["/etc/passwd", "/proc/1/environ", "/proc/self/environ", here, "/root", "secret", "/dev/tcp"]) {
    assert.notEqual((await failed(commands.run(`ls -d '${path}' && cat '${path}'`))).exitCode, 0, path);
  }
  assert.equal((await commands.run("ls /")).stdout, "bin\ndev\nhome\nproc\ntmp\nusr\n");
  const { stdout } = await commands.run("env | cut -d= -f1 | sort | tr '\\n' ' '");
  assert.equal(stdout, "E2B_SANDBOX E2B_SANDBOX_ID E2B_TEMPLATE_ID HOME LOGNAME PATH PWD SHELL USER ");
  for (const script of ["cat < /dev/tcp/127.0.0.1/1", "js-exec -c 1", "wget x", "sqlite3"]) {
    await failed(commands.run(script));
  }
});

e2bTest("the end of a sandbox breaks what its shell runs", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const handles = await Promise.all([
    sandbox.commands.run("sleep 100", { background: true }),
    sandbox.commands.run("cat", { background: true, stdin: true }),
  ]);
  await sandbox.kill();
  for (const handle of handles) await assert.rejects(handle.wait(), TimeoutError);
});

e2bTest("a command of the shell that takes too much memory is ended, and it alone", async (connection) => {
  const { commands } = await Sandbox.create(connection);
  // Without /proc there is no watchdog, and just-bash meets its own limits.
  const { stderr } = await failed(commands.run(`
    x=aaaaaaaa; hoard=()
    for i in $(seq 1 20); do x=$x$x; done
    for i in $(seq 1 100); do hoard+=("$(echo "$x$i" | tr a "$((i % 10))")"); done`));
  if (Deno.build.os === "linux") assert.match(stderr, /more than 200 MiB of memory/);
  assert.equal((await commands.run("echo after")).stdout, "after\n");
}, { memoryLimitBytes: 200 * 1024 ** 2 });

test("shells end when the server is killed", async () => {
  const program = `
    import { Sandbox } from "e2b";
    import { startE2B } from ${JSON.stringify(import.meta.resolve("../../local/e2b/server.ts"))};
    const { url, apiKey } = await startE2B();
    const { commands } = await Sandbox.create({ apiKey, apiUrl: url, sandboxUrl: url });
    await commands.run("sleep 1000", { background: true });
    await commands.run("while true; do while true; do :; done; done", { background: true });
    console.log("both run");
  `;
  const server = new Deno.Command(Deno.execPath(), { args: ["eval", program], stdout: "piped" }).spawn();
  let shells: string[];
  try {
    const { value } = await server.stdout.pipeThrough(new TextDecoderStream()).values().next();
    assert.equal(value, "both run\n");
    const children = (await Deno.readTextFile(`/proc/${server.pid}/task/${server.pid}/children`)).trim().split(" ");
    shells = children.filter((pid) => Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes("/shell-"));
    assert.equal(shells.length, 2);
  } finally {
    server.kill("SIGKILL");
    await server.status;
  }
  await eventually("the shells are gone", () => !shells.some(isAlive));
});

function isAlive(pid: string): boolean {
  try {
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}
