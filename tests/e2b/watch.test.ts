/** `files.watchDir`, and the watchers that are asked what they saw. */
import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { FileNotFoundError, type FilesystemEvent, InvalidArgumentError, TimeoutError, type WatchHandle } from "e2b";
import { eventually } from "../support/settle.ts";
import { type Connection, e2bTest, toSandbox, useSandbox } from "./local_server.ts";

const shared = useSandbox();

interface Watched {
  readonly folder: string;
  readonly handle: WatchHandle;
  /** What was told until a file of that name was made, which is told last. */
  until(name: string): Promise<string[]>;
  readonly events: FilesystemEvent[];
}

/** Watches a new folder of the shared sandbox. */
async function watch(options: { recursive?: boolean; includeEntry?: boolean } = {}): Promise<Watched> {
  const { files } = shared.sandbox;
  const folder = `/home/user/${crypto.randomUUID()}`;
  await files.makeDir(folder);
  await files.makeDir(`${folder}/inside`);
  const events: FilesystemEvent[] = [];
  const handle = await files.watchDir(folder, (event) => void events.push(event), options);
  const until = async (name: string) => {
    await files.write(`${folder}/${name}`, "");
    await eventually(`${name} is told of`, () => events.some((event) => event.name === name && event.type === "write"));
    return events.map((event) => `${event.type} ${event.name}`);
  };
  return { folder, handle, until, events };
}

Deno.test("each change in a folder is told", async () => {
  const { files } = shared.sandbox;
  const { folder, handle, until } = await watch();
  await files.write(`${folder}/a`, "1");
  await files.write(`${folder}/a`, "2");
  await files.rename(`${folder}/a`, `${folder}/b`);
  await files.makeDir(`${folder}/c`);
  await files.remove(`${folder}/b`);
  await files.write(`${folder}/inside/unheard`, "");
  await files.write("/home/user/elsewhere", "");
  assert.deepEqual(await until("end"), [
    "create a",
    "write a",
    "write a",
    "rename a",
    "create b",
    "create c",
    "remove b",
    "create end",
    "write end",
  ]);
  await handle.stop();
});

Deno.test("what is below it is told of those who ask for it", async () => {
  const { files } = shared.sandbox;
  const { folder, handle, until } = await watch({ recursive: true });
  await files.write(`${folder}/inside/deep/file`, "");
  await files.remove(`${folder}/inside`);
  assert.deepEqual(await until("end"), [
    "create inside/deep",
    "create inside/deep/file",
    "write inside/deep/file",
    "remove inside/deep/file",
    "remove inside/deep",
    "remove inside",
    "create end",
    "write end",
  ]);
  await handle.stop();
});

Deno.test("an event has its entry where there is one", async () => {
  const { files } = shared.sandbox;
  const { folder, handle, until, events } = await watch({ includeEntry: true });
  await files.write(`${folder}/gone`, "");
  await files.remove(`${folder}/gone`);
  await until("end");
  const entryOf = (type: string, name: string) =>
    events.find((event) => event.type === type && event.name === name)?.entry;
  assert.equal(entryOf("remove", "gone"), undefined);
  assert.equal(entryOf("create", "end")?.path, `${folder}/end`);
  await handle.stop();
});

Deno.test("what a cell changes is told at its end", async () => {
  const { folder, handle, until } = await watch();
  await shared.sandbox.runCode(`open("${folder}/of a cell", "w").write("x");`);
  assert.deepEqual(await until("end"), ["create of a cell", "write of a cell", "create end", "write end"]);
  await handle.stop();
});

Deno.test("a watch that is stopped ends, and hears no more", async () => {
  const { files } = shared.sandbox;
  const folder = `/home/user/${crypto.randomUUID()}`;
  await files.makeDir(folder);
  const exited = Promise.withResolvers<unknown>();
  const events: FilesystemEvent[] = [];
  const handle = await files.watchDir(folder, (event) => void events.push(event), { onExit: exited.resolve });
  await handle.stop();
  await exited.promise;
  await files.write(`${folder}/late`, "");
  assert.deepEqual(events, []);
});

Deno.test("what is no folder is not watched", async () => {
  const { files } = shared.sandbox;
  await files.write("a file", "");
  await assert.rejects(files.watchDir("nowhere", () => {}), FileNotFoundError);
  await assert.rejects(files.watchDir("a file", () => {}), InvalidArgumentError);
  await assert.rejects(files.watchDir("", () => {}, { user: "nobody" }), /invalid username: 'nobody'/);
});

e2bTest("the end of the sandbox ends a watch, in the words of that", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const exited = Promise.withResolvers<unknown>();
  await sandbox.files.watchDir("/home/user", () => {}, { onExit: exited.resolve });
  await sandbox.kill();
  const error = await exited.promise;
  assert(error instanceof TimeoutError, String(error));
  assert.match(error.message, /The sandbox was killed/);
});

Deno.test("a watch that hears of nothing is kept alive as often as its client asks", async () => {
  const { server, sandbox, connection } = shared;
  const message = new TextEncoder().encode(JSON.stringify({ path: "/tmp" }));
  const head = new Uint8Array(5);
  new DataView(head.buffer).setUint32(1, message.length);
  const response = await fetch(`${server.url}/filesystem.Filesystem/WatchDir`, {
    method: "POST",
    headers: {
      ...await inside(connection, sandbox.sandboxId),
      "Content-Type": "application/connect+json",
      "Keepalive-Ping-Interval": "1",
    },
    body: new Blob([head, message]),
  });
  let told = "";
  const text = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  while (!told.includes("keepalive")) told += (await text?.read())?.value ?? assert.fail("it ended");
  assert.match(told, /^.{5}\{"start":\{\}\}.{5}\{"keepalive":\{\}\}$/s);
  await text?.cancel();
});

Deno.test("a watcher tells what it saw when it is asked, each change once", async () => {
  const { server, sandbox, connection } = shared;
  const headers = await inside(connection, sandbox.sandboxId);
  const call = async (method: string, body: unknown) => {
    const response = await toSandbox(server, sandbox.sandboxId, `/filesystem.Filesystem/${method}`, {
      port: 49983,
      headers,
      body,
    });
    return await response.json();
  };
  const folder = `/home/user/${crypto.randomUUID()}`;
  await sandbox.files.makeDir(folder);
  const { watcherId } = await call("CreateWatcher", { path: folder });
  await sandbox.files.write(`${folder}/a`, "");
  assert.deepEqual(await call("GetWatcherEvents", { watcherId }), {
    events: [{ name: "a", type: "EVENT_TYPE_CREATE" }, { name: "a", type: "EVENT_TYPE_WRITE" }],
  });
  assert.deepEqual(await call("GetWatcherEvents", { watcherId }), { events: [] });
  assert.deepEqual(await call("RemoveWatcher", { watcherId }), {});
  assert.equal((await call("GetWatcherEvents", { watcherId })).code, "not_found");
  assert.equal((await call("CreateWatcher", { path: `${folder}/a` })).code, "invalid_argument");
  assert.equal((await call("CreateWatcher", { path: 7 })).code, "invalid_argument");
});

/** The headers of a request to a sandbox's envd. */
async function inside({ apiUrl, apiKey }: Connection, sandboxId: string): Promise<Record<string, string>> {
  const connected = await fetch(`${apiUrl}/v2/sandboxes/${sandboxId}/connect`, {
    method: "POST",
    headers: { "X-API-KEY": apiKey },
  });
  const { envdAccessToken } = await connected.json();
  return { "E2b-Sandbox-Id": sandboxId, "E2b-Sandbox-Port": "49983", "X-Access-Token": envdAccessToken };
}
