import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { AuthenticationError, FileNotFoundError, FileType, InvalidArgumentError, NotEnoughSpaceError } from "e2b";
import { e2bTest, restartContext, toSandbox } from "./local_server.ts";

const BYTES = Uint8Array.from({ length: 70_000 }, (_, index) => index * 7);

e2bTest("files are written and read in every form", async (connection, server) => {
  const { files, sandboxId } = await Sandbox.create(connection);
  const written = await files.write("notes/ü 1.txt", "héllo");
  assert.equal(written.path, "/home/user/notes/ü 1.txt");
  assert.equal(written.name, "ü 1.txt");
  assert.equal(await files.read("/home/user/notes/ü 1.txt"), "héllo");
  assert.equal(await files.read("~/notes/../notes/./ü 1.txt", { gzip: true }), "héllo");

  await files.write("/data/bytes.bin", new Blob([BYTES]));
  assert.deepEqual(await files.read("/data/bytes.bin", { format: "bytes" }), BYTES);
  const blob = await files.read("/data/bytes.bin", { format: "blob" });
  assert.deepEqual(await blob.bytes(), BYTES);
  const stream = await files.read("/data/bytes.bin", { format: "stream" });
  assert.deepEqual(await new Response(stream).bytes(), BYTES);

  // The SDK leaves the body of an empty file unread, which the sanitizer sees.
  await files.write("empty", "");
  const connected = await fetch(`${server.url}/v2/sandboxes/${sandboxId}/connect`, {
    method: "POST",
    headers: { "X-API-KEY": connection.apiKey },
  });
  const { envdAccessToken } = await connected.json();
  const empty = await toSandbox(server, sandboxId, "/files?path=empty", {
    port: 49983,
    headers: { "X-Access-Token": envdAccessToken },
  });
  assert.equal(empty.headers.get("content-length"), "0");
  assert.equal(await empty.text(), "");
});

e2bTest("many files are one request; streams and gzip are another form of it", async (connection) => {
  const { files } = await Sandbox.create(connection);
  const many = await files.write([{ path: "a/1", data: "one" }, { path: "b/2", data: BYTES.buffer }]);
  assert.deepEqual(many.map((file) => file.path), ["/home/user/a/1", "/home/user/b/2"]);
  assert.deepEqual(await files.read("b/2", { format: "bytes" }), BYTES);
  await files.write("a/1", new Blob([BYTES]).stream());
  assert.deepEqual(await files.read("a/1", { format: "bytes" }), BYTES);
  await files.write([{ path: "a/1", data: "zipped" }, { path: "a/3", data: "too" }], { gzip: true });
  assert.deepEqual([await files.read("a/1"), await files.read("a/3")], ["zipped", "too"]);
});

e2bTest("folders are made, listed, described and removed", async (connection) => {
  const { files } = await Sandbox.create(connection);
  assert.equal(await files.makeDir("one/two"), true);
  assert.equal(await files.makeDir("one"), false);
  await files.write("one/file.txt", "12345");
  const names = async (path: string, depth?: number) => (await files.list(path, { depth })).map((entry) => entry.path);
  assert.deepEqual(await names("one"), ["/home/user/one/file.txt", "/home/user/one/two"]);
  assert.deepEqual(await names(".", 2), ["/home/user/one", "/home/user/one/file.txt", "/home/user/one/two"]);
  assert.deepEqual(await names("/"), ["/home", "/tmp"]);
  assert.equal((await files.getInfo("/")).name, "/");

  const info = await files.getInfo("one/file.txt");
  assert.deepEqual([info.name, info.type, info.size], ["file.txt", FileType.FILE, 5]);
  assert.ok(info.modifiedTime && Math.abs(Date.now() - info.modifiedTime.getTime()) < 60_000);
  assert.equal((await files.getInfo("one")).type, FileType.DIR);

  assert.equal((await files.rename("one", "moved")).path, "/home/user/moved");
  assert.equal(await files.read("moved/file.txt"), "12345");
  assert.equal(await files.exists("one/file.txt"), false);
  await files.remove("moved");
  assert.equal(await files.exists("moved/two"), false);
  assert.deepEqual(await names("."), []);
});

e2bTest("what is missing, in the way or too much has an error of its own", async (connection) => {
  const { files } = await Sandbox.create(connection);
  await assert.rejects(files.read("missing"), FileNotFoundError);
  await assert.rejects(files.read("missing", { format: "stream" }), FileNotFoundError);
  await assert.rejects(files.getInfo("missing"), FileNotFoundError);
  await assert.rejects(files.list("missing"), FileNotFoundError);
  await assert.rejects(files.rename("missing", "x"), FileNotFoundError);
  await files.write("file", "x");
  await assert.rejects(files.read("/home/user"), InvalidArgumentError);
  await assert.rejects(files.write("/home/user", "x"), InvalidArgumentError);
  await assert.rejects(files.write("file/below", "x"), InvalidArgumentError);
  await assert.rejects(files.list("file"), InvalidArgumentError);
  await assert.rejects(files.makeDir("file"), InvalidArgumentError);
  await assert.rejects(files.write("x".repeat(2000), "x"), InvalidArgumentError);
  await files.write("half", new Blob([new Uint8Array(40 * 1024 * 1024)]));
  await assert.rejects(files.write("other half", new Blob([new Uint8Array(40 * 1024 * 1024)])), NotEnoughSpaceError);
  assert.equal(await files.exists("other half"), false);
});

e2bTest("files are for holders of the sandbox's token", async (connection, server) => {
  const sandbox = await Sandbox.create({ ...connection, network: { allowPublicTraffic: false } });
  await sandbox.files.write("secret", "x");
  const again = await Sandbox.connect(sandbox.sandboxId, connection);
  assert.equal(await again.files.read("secret"), "x");
  for (const headers of [undefined, { "X-Access-Token": "guess" }]) {
    for (const path of ["/files?path=secret", "/filesystem.Filesystem/Stat"]) {
      const refused = await toSandbox(server, sandbox.sandboxId, path, { port: 49983, headers });
      assert.equal(refused.status, 401);
      assert.equal((await refused.json()).code, 401);
    }
  }
  const health = await toSandbox(server, sandbox.sandboxId, "/health", { port: 49983 });
  assert.equal(health.status, 204);
});

e2bTest("a file keeps what was written about it until it is written again", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const { files } = sandbox;
  const about = async (path: string) => (await files.getInfo(path)).metadata;
  const [written] = await files.write([{ path: "a", data: "1" }], { metadata: { Author: "me", note: "x y" } });
  assert.deepEqual(written?.metadata, { author: "me", note: "x y" });
  assert.deepEqual(await about("a"), { author: "me", note: "x y" });
  await files.rename("a", "b");
  assert.deepEqual((await files.list("."))[0]?.metadata, { author: "me", note: "x y" });
  await sandbox.runCode("open('b', 'w').write('2');");
  assert.equal(await files.read("b"), "2");
  assert.deepEqual(await about("b"), { author: "me", note: "x y" });
  await files.write("b", "3", { metadata: { other: "1" }, useOctetStream: true });
  assert.deepEqual(await about("b"), { other: "1" });
  await files.write("b", "4");
  assert.equal(await about("b"), undefined);
  await assert.rejects(files.write("b", "5", { metadata: { a: "x".repeat(4096) } }), /invalid metadata/);
  assert.equal(await files.read("b"), "4");
});

e2bTest("whoever has a signed URL can read or write that file", async (connection, server) => {
  const sandbox = await Sandbox.create(connection);
  // Another one, so that the URL has to say whose it is.
  await Sandbox.create(connection);
  const refused = async (url: string | URL, message: RegExp, init?: RequestInit) => {
    const response = await fetch(url, init);
    assert.equal(response.status, 401);
    assert.match((await response.json()).message, message);
  };
  const form = () => {
    const body = new FormData();
    body.append("file", new Blob(["signed"]), "ignored");
    return { method: "POST", body };
  };
  for (const useSignatureExpiration of [undefined, 60]) {
    const upload = await fetch(await sandbox.uploadUrl("a file", { useSignatureExpiration }), form());
    assert.deepEqual(await upload.json(), [{ name: "a file", type: "file", path: "/home/user/a file", metadata: {} }]);
    const url = await sandbox.downloadUrl("a file", { useSignatureExpiration });
    assert.equal(await (await fetch(url)).text(), "signed");
    const other = new URL(url);
    other.searchParams.set("path", "another file");
    await refused(other, /invalid signature/);
    await refused(url, /invalid signature/, form());
  }
  assert.equal(await (await fetch(await sandbox.downloadUrl("a file", { user: "user" }))).text(), "signed");
  const anywhere = new FormData();
  anywhere.append("file", new Blob(["1"]), "folder/named by the form");
  await (await fetch(await sandbox.uploadUrl(), { method: "POST", body: anywhere })).body?.cancel();
  assert.equal(await sandbox.files.read("folder/named by the form"), "1");

  const expired = await sandbox.downloadUrl("a file", { useSignatureExpiration: -10 });
  await refused(expired, /already expired/);
  const unsigned = new URL(expired);
  unsigned.searchParams.delete("signature");
  await refused(unsigned, /missing signature/);
  const mine = await toSandbox(server, sandbox.sandboxId, `${unsigned.pathname}${unsigned.search}`, { port: 49983 });
  assert.match((await mine.json()).message, /missing signature/);
  await sandbox.kill();
  await refused(await sandbox.downloadUrl("a file"), /no running sandbox/);
});

e2bTest("users have homes, and there are two of them", async (connection) => {
  const { files } = await Sandbox.create(connection);
  assert.equal((await files.write("mine", "root's", { user: "root" })).path, "/root/mine");
  assert.equal((await files.getInfo("~/mine", { user: "root" })).path, "/root/mine");
  assert.equal(await files.read("mine", { user: "root" }), "root's");
  assert.deepEqual((await files.list("", { user: "root" })).map(({ name }) => name), ["mine"]);
  assert.equal(await files.exists("mine", { user: "user" }), false);
  await assert.rejects(files.read("mine", { user: "nobody" }), AuthenticationError);
  await assert.rejects(files.write("mine", "", { user: "nobody" }), /'nobody'/);
  await assert.rejects(files.getInfo("mine", { user: "nobody" }), /invalid username: 'nobody'/);
  await assert.rejects(files.read("~root/mine"), InvalidArgumentError);
  await assert.rejects(files.list("~root"), InvalidArgumentError);
});

e2bTest("a cell sees the client's files, and the client sees the cell's", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const { files } = sandbox;
  await files.write([{ path: "in/data.csv", data: "1,2" }, { path: "/data/far", data: "away" }]);
  await files.makeDir("empty");
  const seen = await sandbox.runCode(`
import os, shutil
def tree(): return sorted(os.path.join(folder, name) for folder, folders, names in os.walk(".") for name in folders + names)
open("in/data.csv").read(), open("/data/far").read(), tree()`);
  assert.equal(seen.text, "('1,2', 'away', ['./empty', './in', './in/data.csv'])");

  await sandbox.runCode(`
os.makedirs("out/deep")
os.mkdir("hollow")
open("out/deep/bytes", "wb").write(bytes(range(256)))
open("in/data.csv", "w").write("3,4")
os.rmdir("empty")`);
  assert.deepEqual(
    await files.read("out/deep/bytes", { format: "bytes" }),
    Uint8Array.from({ length: 256 }, (_, index) => index),
  );
  assert.equal(await files.read("in/data.csv"), "3,4", "same size, other content");
  assert.equal(await files.exists("empty"), false);
  assert.equal((await files.getInfo("hollow")).type, FileType.DIR);

  await files.remove("out");
  await files.write("in/data.csv", "5,6");
  assert.equal((await sandbox.runCode("open('in/data.csv').read(), os.path.exists('out')")).text, "('5,6', False)");

  await sandbox.runCode("shutil.rmtree('in'); open('in', 'w').write('a file now'); os.rmdir('hollow')");
  assert.equal(await files.read("in"), "a file now");
  await files.remove("in");
  await files.write("in/again", "a folder again");
  assert.equal(
    (await sandbox.runCode("open('in/again').read(), tree()")).text,
    "('a folder again', ['./in', './in/again'])",
  );
});

e2bTest("files outlive a kernel, and all kernels of a sandbox share them", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode("open('kept', 'w').write('1'); open('gone', 'w').write('1')");
  const other = await sandbox.createCodeContext();
  assert.equal((await sandbox.runCode("open('kept').read()", { context: other })).text, "1");
  await sandbox.runCode("import os; open('kept', 'a').write('2'); os.remove('gone')", { context: other });
  assert.equal((await sandbox.runCode("import os; open('kept').read(), os.listdir()")).text, "('12', ['kept'])");

  const [context] = await sandbox.listCodeContexts();
  await restartContext(connection, sandbox, context?.id);
  assert.equal((await sandbox.runCode("import os; open('kept').read(), os.listdir()")).text, "('12', ['kept'])");
  const stranger = await Sandbox.create(connection);
  assert.equal(await stranger.files.exists("kept"), false);
});

e2bTest("a client reads and writes while a cell runs; what the cell leaves comes at its end", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const { promise: started, resolve: onStdout } = Promise.withResolvers<unknown>();
  const run = sandbox.runCode(
    "open('mine', 'w').write('x')\nprint('started')\nimport time\ntime.sleep(0.3)\n1/0",
    { onStdout },
  );
  await started;
  await sandbox.files.write("yours", "y");
  assert.equal(await sandbox.files.read("yours"), "y");
  assert.equal((await run).error?.name, "ZeroDivisionError");
  assert.equal(await sandbox.files.read("mine"), "x");
  assert.equal((await sandbox.runCode("open('yours').read()")).text, "y");
});

e2bTest("a cell cannot fill the server's memory with files", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const big = await sandbox.runCode("open('big', 'wb').write(bytes(13 * 1024 * 1024)); open('small', 'w').write('x');");
  assert.match(big.logs.stderr.join(""), /big is larger/);
  assert.deepEqual((await sandbox.files.list(".")).map((entry) => entry.name), ["small"]);
  const full = await sandbox.runCode("for n in range(7): open(f'part{n}', 'wb').write(bytes(11 * 1024 * 1024))");
  assert.match(full.logs.stderr.join(""), /not kept/);
  assert.equal((await sandbox.files.list(".")).length, 6);
  const many = await sandbox.runCode("for n in range(10_001): open(f'{n}', 'w').close()");
  assert.match(many.logs.stderr.join(""), /more than 10000 files/);
  assert.equal((await sandbox.runCode("1")).text, "1");
});

e2bTest("files that a cell forges stay below its home", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const lines = ["/etc/passwd", "/home/user/../root", "/home/user", "/home/user//a", "/home/user/good"].map((path) =>
    JSON.stringify({ type: "file", id: 2, path, content: "eA==" })
  );
  lines.push(JSON.stringify({ type: "file", id: 2, path: "/home/user/bad", content: "?" }));
  lines.push(JSON.stringify({ type: "gone", id: 2, path: "/home" }));
  await sandbox.runCode(`
from pyodide.ffi import to_js
write = to_js([]).constructor.constructor("text", "Deno.stdout.writeSync(new TextEncoder().encode(text))")`);
  await sandbox.runCode(`write(${JSON.stringify(lines.join("\n") + "\n")});`);
  const all = await sandbox.files.list("/", { depth: 9 });
  assert.deepEqual(all.map((entry) => entry.path), ["/home", "/home/user", "/home/user/good", "/tmp"]);
});
