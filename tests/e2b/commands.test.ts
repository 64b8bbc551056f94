/** `sandbox.commands` of the unchanged SDK, on machines whose programs are real processes. */
import assert from "node:assert/strict";
import { AuthenticationError, CommandExitError, InvalidArgumentError, NotFoundError, Sandbox, TimeoutError } from "e2b";
import type { E2BServer } from "../../local/e2b/server.ts";
import { needing } from "../support/needs.ts";
import { eventually } from "../support/settle.ts";
import { callRpc, messagesOf, openStream } from "./connect_client.ts";
import { hearing } from "./hearing.ts";
import { HostMachines } from "./host_machine.ts";
import { type Connection, e2bTest, onServer, toSandbox } from "./local_server.ts";

const native = await needing("the native kernel");

/** On this machine's processes without a wall, which all systems have, and behind the walls where they are. */
function hostTest(name: string, run: (connection: Connection, server: E2BServer) => Promise<void>): void {
  e2bTest(`${name}, without walls`, run, { machines: new HostMachines() });
  native.test(`${name}, behind walls`, () => onServer({ kernel: "native" }, run), {
    sanitizeOps: true,
    sanitizeResources: true,
  });
}

hostTest("a command says what it has to say and how it ended", async (connection) => {
  const { commands } = await Sandbox.create({ ...connection, envs: { GLOBAL: "1", BOTH: "sandbox" } });
  const result = await commands.run('echo "$GLOBAL $BOTH $USER $HOME ü"; echo no >&2; basename "$PWD"', {
    envs: { BOTH: "command" },
  });
  assert.deepEqual(
    [result.stdout, result.stderr, result.exitCode],
    ["1 command user /home/user ü\nuser\n", "no\n", 0],
  );
  await assert.rejects(commands.run("echo out; exit 3"), (error) => {
    assert(error instanceof CommandExitError);
    assert.deepEqual([error.exitCode, error.stdout, error.error], [3, "out\n", "exit status 3"]);
    return true;
  });
  await assert.rejects(commands.run("kill -TERM $$"), { message: "signal: terminated" });
  assert.deepEqual(await commands.list(), []);
});

hostTest("what cannot be is refused in words", async (connection, server) => {
  const { commands, pty, files, sandboxId } = await Sandbox.create(connection);
  await files.write("file", "");
  const nobody: string = "nobody";
  await assert.rejects(commands.run("true", { user: nobody }), (error) => {
    assert(error instanceof AuthenticationError);
    assert.match(error.message, /invalid username: 'nobody'/);
    return true;
  });
  for (
    const [cwd, words] of [["/nope", /cwd '\/nope' does not exist/], ["file", /file' is not a directory/]] as const
  ) {
    await assert.rejects(commands.run("true", { cwd }), (error) => {
      assert(error instanceof InvalidArgumentError);
      assert.match(error.message, words);
      return true;
    });
  }
  await assert.rejects(pty.create({ cols: 80, rows: 24, onData: () => {} }), { message: /no pseudo-terminals/ });
  await assert.rejects(pty.resize(1, { cols: 80, rows: 24 }), { message: /no pseudo-terminals/ });
  assert.equal((await commands.run("echo $HOME $USER", { user: "root" })).stdout, "/root root\n");

  const streamed = await openStream(server, sandboxId, "process.Process/Teleport", {});
  assert.deepEqual(await Array.fromAsync(messagesOf(streamed)), [
    { error: { code: "unimplemented", message: "process.Process/Teleport is not supported by the local sandbox" } },
  ]);
  const stranger = await toSandbox(server, sandboxId, "/process.Process/List", { port: 49983, body: {} });
  assert.deepEqual([stranger.status, (await stranger.json()).code], [401, 401]);
});

hostTest("what a command says is heard while it runs, and it hears what is sent", async (connection) => {
  const { commands } = await Sandbox.create(connection);
  const { hear, heard } = hearing();
  const handle = await commands.run('echo ready; while read -r line; do echo "got $line"; done; echo over', {
    background: true,
    stdin: true,
    onStdout: hear,
  });
  await heard("ready");
  assert.deepEqual((await commands.list()).map(({ pid, cmd, args }) => [pid, cmd, args[0]]), [
    [handle.pid, "/bin/bash", "-l"],
  ]);
  await handle.sendStdin("one\n");
  await heard("got one");
  await commands.sendStdin(handle.pid, "two\n");
  await heard("got two");
  await handle.closeStdin();
  assert.equal((await handle.wait()).stdout, "ready\ngot one\ngot two\nover\n");
  await assert.rejects(handle.sendStdin("three"), NotFoundError);

  // Without `stdin` there is nothing to read, and nothing to send.
  assert.equal((await commands.run("cat")).stdout, "");
  const deaf = await commands.run("exec sleep 100", { background: true });
  await assert.rejects(deaf.sendStdin("x"), { message: /stdin not enabled or closed/ });
  assert.equal(await deaf.kill(), true);
  await assert.rejects(deaf.wait());
});

hostTest("a command goes on without who started it, and others join it", async (connection) => {
  const { commands } = await Sandbox.create(connection);
  const cancel = new AbortController();
  const { hear, heard } = hearing();
  const dropped = commands.run("echo $$; exec cat", { stdin: true, signal: cancel.signal, onStdout: hear });
  await heard("\n");
  const [{ pid } = { pid: 0 }] = await commands.list();
  cancel.abort();
  await assert.rejects(dropped);

  const [first, second] = [hearing(), hearing()];
  const handle = await commands.connect(pid, { onStdout: first.hear });
  const other = await commands.connect(pid, { onStdout: second.hear });
  await commands.sendStdin(pid, "both\n");
  await Promise.all([first.heard("both"), second.heard("both")]);
  await handle.disconnect();
  await commands.sendStdin(pid, "one\n");
  await commands.closeStdin(pid);
  assert.equal((await other.wait()).stdout, "both\none\n");
  assert.equal(first.text, "both\n");
});

hostTest("a command is killed, and one that is not there is not", async (connection) => {
  const { commands } = await Sandbox.create(connection);
  const handle = await commands.run("exec sleep 100", { background: true });
  assert.equal(await commands.kill(handle.pid), true);
  await assert.rejects(handle.wait(), { exitCode: -1, error: "signal: killed" });
  assert.equal(await handle.kill(), false);
  assert.deepEqual(await commands.list(), []);
  await assert.rejects(commands.connect(handle.pid), NotFoundError);
  await assert.rejects(commands.sendStdin(handle.pid, "x"), NotFoundError);
  await assert.rejects(commands.closeStdin(handle.pid), NotFoundError);
});

hostTest("a program hears SIGTERM, and is found by its tag", async (connection, server) => {
  const { sandboxId } = await Sandbox.create(connection);
  const script = 'trap "echo caught; exit 4" TERM; echo ready; while :; do sleep 0.01; done';
  const process = { cmd: "/bin/bash", args: ["-c", script] };
  const started = messagesOf(await openStream(server, sandboxId, "process.Process/Start", { process, tag: "mine" }));
  const base64 = (text: string) => new TextEncoder().encode(text).toBase64();
  const { value: start } = await started.next();
  assert.deepEqual((await started.next()).value, { event: { data: { stdout: base64("ready\n") } } });
  const connected = messagesOf(
    await openStream(server, sandboxId, "process.Process/Connect", { process: { tag: "mine" } }),
  );
  assert.deepEqual((await connected.next()).value, start);

  const signal = (body: unknown) => callRpc(server, sandboxId, "process.Process/SendSignal", body);
  const unknown = await signal({ process: { tag: "mine" }, signal: "SIGNAL_UNSPECIFIED" });
  assert.deepEqual([unknown.status, (await unknown.json()).code], [501, "unimplemented"]);
  const missing = await signal({ process: { tag: "other" }, signal: "SIGNAL_SIGTERM" });
  assert.deepEqual([missing.status, await missing.json()], [
    404,
    { code: "not_found", message: "process with tag other not found" },
  ]);
  assert.equal(await (await signal({ process: { tag: "mine" }, signal: "SIGNAL_SIGTERM" })).text(), "{}");
  const rest = [
    { event: { data: { stdout: base64("caught\n") } } },
    { event: { end: { exitCode: 4, exited: true, status: "exit status 4", error: "exit status 4" } } },
    {},
  ];
  assert.deepEqual(await Array.fromAsync(started), rest);
  assert.deepEqual(await Array.fromAsync(connected), rest);
});

hostTest("a command whose time is over is killed, whoever listens", async (connection, server) => {
  const { commands, sandboxId } = await Sandbox.create(connection);
  await assert.rejects(commands.run("exec sleep 100", { timeoutMs: 100 }), TimeoutError);
  await eventually("it is gone", async () => (await commands.list()).length === 0);

  const process = { cmd: "/bin/sleep", args: ["100"] };
  const headers = { "Connect-Timeout-Ms": "100" };
  const [, last] = await Array.fromAsync(
    messagesOf(await openStream(server, sandboxId, "process.Process/Start", { process }, headers)),
  );
  assert.deepEqual(last, { error: { code: "deadline_exceeded", message: "context deadline exceeded" } });

  // Who joins has a time of their own, which is not the program's.
  const handle = await commands.run("exec sleep 100", { background: true, timeoutMs: 0 });
  const joined = commands.connect(handle.pid, { timeoutMs: 100 }).then((joined) => joined.wait());
  await assert.rejects(joined, TimeoutError);
  assert.equal(await handle.kill(), true);
  await assert.rejects(handle.wait());
});

hostTest("a command ends although what it left in the background holds its output", async (connection) => {
  const { commands } = await Sandbox.create(connection);
  const { stdout } = await commands.run("(while [ ! -e stop ]; do sleep 0.02; done; rm stop) & echo hi");
  assert.equal(stdout, "hi\n");
  await commands.run("touch stop; while [ -e stop ]; do sleep 0.02; done");
});

hostTest("a lot of output arrives whole, in its order", async (connection) => {
  const { commands } = await Sandbox.create(connection);
  const { stdout } = await commands.run("seq 1 500000");
  assert.equal(stdout, Array.from({ length: 500_000 }, (_, index) => `${index + 1}\n`).join(""));
});

hostTest("who reads too slowly is cut off, and holds nobody up", async (connection, server) => {
  const { commands, sandboxId } = await Sandbox.create(connection);
  const script = "read -r; head -c 60000000 /dev/zero | tr '\\0' a";
  const slow = await openStream(server, sandboxId, "process.Process/Start", {
    process: { cmd: "/bin/bash", args: ["-c", script] },
    stdin: true,
  });
  const [{ pid } = { pid: 0 }] = await commands.list();
  const fast = await commands.connect(pid);
  await fast.sendStdin("go\n");
  assert.equal((await fast.wait()).stdout.length, 60_000_000);
  const tail = (await slow.bytes()).slice(-150);
  assert.match(new TextDecoder().decode(tail), /"code":"resource_exhausted","message":"more than 4 MiB of output/);
});

hostTest("a program that is killed ends for who does not read it", async (connection, server) => {
  const { commands, sandboxId } = await Sandbox.create(connection);
  const unread = await openStream(server, sandboxId, "process.Process/Start", {
    process: { cmd: "/bin/cat", args: ["/dev/zero"] },
  });
  const [{ pid } = { pid: 0 }] = await commands.list();
  assert.equal(await commands.kill(pid), true);
  await eventually("it is gone", async () => (await commands.list()).length === 0);
  await unread.body?.cancel();
});

hostTest("a silent command gives signs of life", async (connection, server) => {
  const { sandboxId } = await Sandbox.create(connection);
  const process = { cmd: "/bin/sleep", args: ["100"] };
  const headers = { "Keepalive-Ping-Interval": "1" };
  const messages = messagesOf(await openStream(server, sandboxId, "process.Process/Start", { process }, headers));
  await messages.next();
  assert.deepEqual((await messages.next()).value, { event: { keepalive: {} } });
  await messages.return(undefined);
});

hostTest("the end of a sandbox breaks what is listened to", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const handle = await sandbox.commands.run("exec sleep 100", { background: true });
  await sandbox.kill();
  await assert.rejects(handle.wait(), (error) => {
    assert(error instanceof TimeoutError);
    assert.match(error.message, /sandbox was killed/);
    return true;
  });
});
