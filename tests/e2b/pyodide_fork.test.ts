/** What a Pyodide sandbox cannot carry into a fork, and what a fork of a hostile one can reach. */
import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { SandboxError } from "e2b";
import { e2bTest, useSandbox } from "./local_server.ts";

const used = useSandbox();

async function run(code: string, options = {}): Promise<string | undefined> {
  const { text, error } = await used.sandbox.runCode(code, options);
  assert.equal(error, undefined, `${error?.name}: ${error?.value}`);
  return text;
}

/** Has the sandbox refuse to be forked, in words, and be none the worse for it. */
async function refuses(words: RegExp): Promise<void> {
  const { sandbox, server } = used;
  const many = server.sandboxes().length;
  await run("untouched = [1]");
  for (const attempt of [() => sandbox.fork(), () => sandbox.createSnapshot()]) {
    await assert.rejects(
      attempt,
      (error) => error instanceof SandboxError && error.message.startsWith("501: ") && words.test(error.message),
    );
  }
  assert.equal(server.sandboxes().length, many);
  assert.equal(await run("untouched.append(2); untouched"), "[1, 2]");
}

/** What code leaves behind that cannot be carried, how that is named, and what takes it away. */
const OBSTACLES: [name: string, code: string, words: RegExp, undo: string][] = [
  ["an open file", "log = open('/tmp/app.log', 'w')", /an open file \(\/tmp\/app\.log\)/, "log.close()"],
  [
    "a task",
    "import asyncio\nasync def poll(): await asyncio.sleep(1000)\ntask = asyncio.ensure_future(poll())",
    /the asyncio task poll/,
    "task.cancel()",
  ],
  [
    "a call for later",
    "import asyncio\nhandle = asyncio.get_event_loop().call_later(1000, print)",
    /a call that asyncio is to make later/,
    "handle.cancel()",
  ],
  [
    "an object of JavaScript",
    "from pyodide.ffi import to_js\nlist_of_js = to_js([1])",
    /an object of JavaScript that Python holds \(list_of_js\)/,
    "del list_of_js",
  ],
  [
    "a library that was loaded",
    "import pyodide_js\nlibraries = pyodide_js._module.LDSO.loadedLibsByName\n" +
    "setattr(libraries, '/lib/python3.14/site-packages/numpy/_core/a.so', 1)\ndel libraries",
    /an imported package with compiled parts \(numpy\)/,
    "delattr(pyodide_js._module.LDSO.loadedLibsByName, '/lib/python3.14/site-packages/numpy/_core/a.so')",
  ],
];

for (const [name, code, words, undo] of OBSTACLES) {
  Deno.test(`${name} is not carried, and named`, async () => {
    await run(code);
    await refuses(words);
    await run(undo);
    const [fork] = await used.sandbox.fork({ timeoutMs: 120_000 });
    assert(fork instanceof Sandbox);
    assert.equal((await fork.runCode("untouched")).text, "[1, 2]");
    await fork.kill();
  });
}

Deno.test("a refusal that can be told at once leaves the connections", async () => {
  await run("watched = open('/tmp/watched', 'w')");
  const { sandbox } = used;
  const changes: string[] = [];
  const changed = Promise.withResolvers<void>();
  const watch = await sandbox.files.watchDir("/home/user", ({ name }) => {
    changes.push(name);
    changed.resolve();
  });
  await refuses(/watched/);
  await sandbox.files.write("after", "a refusal");
  await changed.promise;
  assert.equal(changes[0], "after");
  await watch.stop();
  await run("watched.close()");
});

e2bTest("more memory than is carried is named, and so are a JavaScript kernel and a command", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode("much = b'x' * (260 * 1024 ** 2)");
  await assert.rejects(sandbox.fork(), /501.*a Python kernel of so much memory.*256 MiB can be carried/);
  assert.equal((await sandbox.runCode("len(much)")).text, "272629760");

  const other = await Sandbox.create(connection);
  await other.runCode("const x = 1", { language: "javascript" });
  await assert.rejects(other.fork(), /501.*a JavaScript or TypeScript kernel that has run/);
  assert.equal((await other.runCode("x", { language: "javascript" })).text, "1");

  const third = await Sandbox.create(connection);
  const command = await third.commands.run("sleep 1000", { background: true, timeoutMs: 0 });
  const ended = assert.rejects(command.wait());
  await assert.rejects(third.fork(), /501.*a command that runs/);
  assert.deepEqual((await third.commands.list()).map(({ pid }) => pid), [command.pid]);
  await command.kill();
  await ended;
  assert.equal((await third.fork({ timeoutMs: 60_000 })).length, 1);
});

e2bTest("much memory is carried, by a kernel that has no room for it twice", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode(
    "import os\nmuch = bytearray(150 * 1024 ** 2)\nfor at in range(0, len(much), 2 ** 20): much[at:at + 2 ** 20] = os.urandom(2 ** 20)",
  );
  const [fork] = await sandbox.fork({ timeoutMs: 120_000 });
  assert(fork instanceof Sandbox);
  const sum = "import zlib\n(len(much), zlib.crc32(much))";
  assert.equal((await fork.runCode(sum)).text, (await sandbox.runCode(sum)).text);
}, { memoryLimitBytes: 700 * 1024 ** 2 });

e2bTest("a kernel that a cell has broken keeps its sandbox from being forked, and no other one", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode("import sys\nsys.modules['_kernel.carry'].waiting = None\nx = 1");
  await assert.rejects(sandbox.fork(), /501.*a Python kernel that a cell has broken/);
  assert.equal((await sandbox.runCode("x")).text, "1");
  // What it says in the place of its state is for forks of it alone.
  await sandbox.runCode("import json\nsys.modules['_kernel.carry'].waiting = lambda: json.dumps([])");
  const [fork] = await sandbox.fork({ timeoutMs: 120_000 });
  assert(fork instanceof Sandbox);
  assert.equal((await fork.runCode("x")).text, "1");
});

e2bTest(
  "what a hostile kernel gives for its state harms the server's other sandboxes in nothing",
  async (connection) => {
    const sandbox = await Sandbox.create(connection);
    const other = await Sandbox.create(connection);
    await other.runCode("y = 1");
    // Says its own words for the rest of its life, whatever Python's memory is.
    const { error } = await sandbox.runCode(`
from pyodide.ffi import to_js
import pyodide_js
to_js([]).constructor.constructor("""
  const module = arguments[0]._module;
  const get = module.__hiwire_get;
  module.__hiwire_get = (place) => {
    const object = get(place);
    return object === Function || object === Array ? null : object;
  };
  const { writeSync } = Deno.stdout;
  Deno.stdout.writeSync = (bytes) => {
    const text = new TextDecoder().decode(bytes);
    const forged = text.replace(/("content":")[^"]+/, "$1" + btoa("\\xff\\xff\\xff\\x7f[]".repeat(1000)));
    const all = new TextEncoder().encode(forged);
    for (let n = 0; n < all.length;) n += writeSync.call(Deno.stdout, all.subarray(n));
    return bytes.length;
  };
""")(pyodide_js)
del pyodide_js
`);
    assert.equal(error, undefined);
    const [fork] = await sandbox.fork({ timeoutMs: 120_000 });
    assert(fork instanceof Sandbox);
    const first = await fork.runCode("1 + 1");
    assert.equal(first.error?.name, "ContextRestarting", first.error?.value);
    assert.doesNotMatch(first.error?.traceback ?? "", /file:|npm/);
    assert.equal((await fork.runCode("1 + 1")).text, "2");
    assert.equal((await other.runCode("y")).text, "1");
  },
);

/** Code that a fork's Python comes upon while it starts: a cell may have left it anywhere. */
const LEAVE_BEHIND = `
import importlib
from pyodide.ffi import to_js
heard = []
def look():
    try:
        Function = to_js([]).constructor.constructor
        body = """
          const said = [];
          const attempt = (name, act) => { try { said.push(name + ": " + act()); } catch (error) { said.push(name + " is refused"); } };
          attempt("read", () => Deno.readTextFileSync("/etc/hostname"));
          for (const path of PATHS) {
            attempt("list", () => "OPEN " + [...Deno.readDirSync(path)].length);
            attempt("state", () => Deno.permissions.querySync({ name: "read", path }).state);
          }
          attempt("run", () => Deno.execPath());
          attempt("stack", () => new Error().stack);
          attempt("module", () => JSON.stringify({ ...arguments[0]._api.config, _loadSnapshot: 0 }));
          attempt("argv", () => JSON.stringify([process.argv, process.title, location.href, import.meta?.url]));
          return said.join("\\\\n");
        """.replace("import.meta?.url", "0").replace("PATHS", PATHS)
        import pyodide_js
        heard.append(str(Function(body)(pyodide_js)))
    except BaseException as error:
        heard.append("failed: " + repr(error))
original = importlib.import_module
def import_module(*args, **named):
    # Before, JavaScript is not there for Python yet: whoever asks for it ends the kernel.
    if args[0].startswith("pyodide"): look()
    return original(*args, **named)
importlib.import_module = import_module
`;

e2bTest("what a hostile source leaves behind sees and reaches nothing when a fork of it starts", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const paths = ["/", "/tmp", new URL("../../local/e2b/pyodide/kernel", import.meta.url).pathname];
  const pyodide = new URL("./", import.meta.resolve("pyodide")).pathname;
  paths.push(pyodide);
  await sandbox.runCode(`PATHS = ${JSON.stringify(JSON.stringify(paths))}`);
  const { error } = await sandbox.runCode(LEAVE_BEHIND);
  assert.equal(error, undefined);
  const [fork] = await sandbox.fork({ timeoutMs: 120_000 });
  assert(fork instanceof Sandbox);
  const { logs } = await fork.runCode("print(len(heard)); print('\\n'.join(heard))");
  const heard = logs.stdout.join("");
  assert.match(heard, /read is refused/, "nothing of it ran while the fork started");
  assert.doesNotMatch(heard, /failed:|OPEN|granted/);
  const here = new URL("../../", import.meta.url).pathname;
  for (const secret of [here, Deno.execPath(), Deno.cwd(), pyodide]) {
    assert.equal(heard.replaceAll(JSON.stringify(paths), "").includes(secret), false, `${secret} is seen: ${heard}`);
  }
});
