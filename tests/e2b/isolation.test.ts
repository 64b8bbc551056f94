import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import type { E2BServer } from "../../local/e2b/server.ts";
import { needing } from "../support/needs.ts";
import { eventually } from "../support/settle.ts";
import { e2bTest, ENOUGH_FOR_PYTHON } from "./local_server.ts";

const { test } = await needing("Linux's /proc");

// `js` is hidden from Python, but the constructor of any JavaScript object
// leads to all of JavaScript. So this is what code in a cell can really do.
const JAVASCRIPT = `
from pyodide.ffi import to_js
Function = to_js([]).constructor.constructor
async def attempt(body):
    try:
        return "OPEN: " + str(await Function("return (async () => {" + body + "})()")())
    except Exception as error:
        return str(error)
`;

function attempts(server: E2BServer): Record<string, string> {
  const { port } = new URL(server.url);
  const here = JSON.stringify(import.meta.url);
  return {
    "read a file": `return Deno.readTextFileSync("/etc/passwd")`,
    "read a file as Node does": `return (await import("node:fs")).readFileSync("/etc/passwd")`,
    "read the kernel's own files": `return Deno.readDirSync(new URL("..", ${here})).toArray()`,
    "read the process": `return Deno.readTextFileSync("/proc/self/environ")`,
    "write a file": `Deno.writeTextFileSync("/tmp/e2b-isolation", "")`,
    "write a file as Node does": `(await import("node:fs")).writeFileSync("/tmp/e2b-isolation", "")`,
    "make a temporary file": `return Deno.makeTempFileSync()`,
    "open a database file": `new (await import("node:sqlite")).DatabaseSync("/tmp/e2b-isolation")`,
    "store in caches": `await (await caches.open("c")).put("http://a/", new Response("b"))`,
    "store in localStorage": `localStorage.setItem("a", "b")`,
    "store in Deno KV": `await Deno.openKv(":memory:")`,
    "read the environment": `return JSON.stringify(Deno.env.toObject())`,
    "read the environment as Node does": `return JSON.stringify({ ...process.env })`,
    "fetch from loopback": `return (await fetch("http://127.0.0.1:${port}/")).status`,
    "fetch a file": `return await (await fetch("file:///etc/passwd")).text()`,
    "connect": `await Deno.connect({ port: ${port} })`,
    "connect as Node does":
      `const net = await import("node:net"); await new Promise((yes, no) => net.connect(${port}, "127.0.0.1", yes).on("error", no))`,
    "listen": `Deno.listen({ port: 0 })`,
    "open a WebSocket": `new WebSocket("ws://127.0.0.1:${port}/")`,
    "resolve a name": `await Deno.resolveDns("localhost", "A")`,
    "run a program": `return new Deno.Command("ls").outputSync().code`,
    "run a program as Node does": `return (await import("node:child_process")).execSync("ls")`,
    "signal a process": `Deno.kill(1, "SIGCONT")`,
    "load a library": `Deno.dlopen("libc.so.6", {})`,
    "ask for the host's name": `return Deno.hostname()`,
    "import over the network": `return await import("http://127.0.0.1:${port}/")`,
    "import from a default host": `return await import("https://esm.sh/preact")`,
    "import from npm": `return await import("npm:chalk@5")`,
    "import from JSR": `return await import("jsr:@std/path")`,
    "import a file": `return await import(${here})`,
    "ask for a permission":
      `const { state } = await Deno.permissions.request({ name: "read" }); if (state !== "granted") throw new Error(state)`,
    "read in a nested worker":
      `const worker = new Worker("data:text/javascript," + encodeURIComponent('try { postMessage("OPEN" + Deno.readTextFileSync("/etc/passwd")) } catch (e) { postMessage(e.name) }'), { type: "module" }); const { data } = await new Promise((yes) => worker.onmessage = yes); worker.terminate(); if (!data.startsWith("OPEN")) throw new Error(data)`,
    "use the graphics card":
      `const adapter = await navigator.gpu.requestAdapter(); if (adapter === null) throw new Error("none")`,
    "use the graphics card in a nested worker":
      `const worker = new Worker("data:text/javascript," + encodeURIComponent('postMessage(await navigator.gpu.requestAdapter() === null)'), { type: "module" }); const { data } = await new Promise((yes) => worker.onmessage = yes); worker.terminate(); if (data) throw new Error("none")`,
    "have a diagnostic report": `return JSON.stringify(process.report.getReport())`,
    "have a diagnostic report in a nested worker":
      `const worker = new Worker("data:text/javascript," + encodeURIComponent('try { postMessage("OPEN" + JSON.stringify(process.report.getReport())) } catch (e) { postMessage(e.name) }'), { type: "module" }); const { data } = await new Promise((yes) => worker.onmessage = yes); worker.terminate(); if (!data.startsWith("OPEN")) throw new Error(data)`,
    "start a thread of Node's":
      `const { Worker } = await import("node:worker_threads"); new Worker("1", { eval: true })`,
    "ask for the host's name as Node does": `return (await import("node:os")).hostname()`,
    "ask for the user": `return (await import("node:os")).userInfo().username`,
    "grant a nested worker more":
      `new Worker("data:text/javascript,0", { type: "module", deno: { permissions: { read: true } } })`,
  };
}

e2bTest(
  "JavaScript reached from a cell can do nothing to this machine, nor that from a fork's",
  async (connection, server) => {
    const source = await Sandbox.create(connection);
    await source.runCode("x = 1");
    const [fork] = await source.fork({ timeoutMs: 120_000 });
    assert(fork instanceof Sandbox);
    for (const sandbox of [source, fork]) {
      await sandbox.runCode(JAVASCRIPT);
      const { text } = await sandbox.runCode("await attempt('return 1 + 1')");
      assert.equal(text, "OPEN: 2", "the way to JavaScript that this test takes is closed");
      for (const [name, body] of Object.entries(attempts(server))) {
        const execution = await sandbox.runCode(`await attempt(${JSON.stringify(body)})`);
        // An attempt may also end its own kernel: the last one does.
        assert.doesNotMatch(execution.text ?? execution.error?.name ?? "OPEN", /^OPEN/, name);
      }
    }
    await assert.rejects(Deno.stat("/tmp/e2b-isolation"), Deno.errors.NotFound);
  },
);

e2bTest("a JavaScript cell can do nothing to this machine", async (connection, server) => {
  const sandbox = await Sandbox.create(connection);
  const language = "javascript";
  const { "read the environment as Node does": _replaced, ...same } = attempts(server);
  const more = {
    "open a debugger's port": `(await import("node:inspector")).open(0, "127.0.0.1")`,
    "open a debugger's session": `new (await import("node:inspector")).Session().connect()`,
    "see the machine's networks": `Deno.networkInterfaces()`,
    "see the machine's memory": `return (await import("node:os")).totalmem()`,
    "change the environment": `Deno.env.set("A", "b")`,
  };
  for (const [name, body] of Object.entries({ ...same, ...more })) {
    const { error } = await sandbox.runCode(`await (async () => { ${body} })()`, { language });
    assert.ok(error, `OPEN: ${name}`);
  }
  // Node's view of the environment is one that the kernel made up.
  const { text } = await sandbox.runCode("Object.keys(process.env).sort().join()", { language });
  assert.equal(text, "E2B_SANDBOX,E2B_SANDBOX_ID,E2B_TEMPLATE_ID");
  await assert.rejects(Deno.stat("/tmp/e2b-isolation"), Deno.errors.NotFound);
});

e2bTest("Python sees its own file system and no network", async (connection, server) => {
  const sandbox = await Sandbox.create(connection);
  const { port } = new URL(server.url);
  for (
    const code of [
      "open('/etc/passwd')",
      "open('/proc/self/environ')",
      `import socket\nsocket.create_connection(('127.0.0.1', ${port}), timeout=1)`,
      `import urllib.request\nurllib.request.urlopen('${server.url}', timeout=1)`,
      "import js; js.fetch",
    ]
  ) {
    assert.ok((await sandbox.runCode(code)).error, code);
  }
  const names = await sandbox.runCode("import os; ' '.join(sorted(os.environ))");
  assert.equal(
    names.text,
    // Pyodide makes up those that do not begin with E2B.
    "E2B_SANDBOX E2B_SANDBOX_ID E2B_TEMPLATE_ID HOME LANG LD_LIBRARY_PATH LOGNAME PATH PWD PYTHONINSPECT USER _",
  );
  assert.equal((await sandbox.runCode("os.environ['USER']")).text, "web_user");

  await sandbox.runCode("open('mine.txt', 'w').write('secret')");
  const other = await Sandbox.create(connection);
  assert.equal((await other.runCode("open('mine.txt')")).error?.name, "FileNotFoundError");
});

e2bTest("a kernel that dies ends its execution; the next one starts anew", async (connection) => {
  const [sandbox, neighbour] = await Promise.all([Sandbox.create(connection), Sandbox.create(connection)]);
  await Promise.all([sandbox.runCode("x = 1"), neighbour.runCode("x = 1")]);
  for (const death of ["import os; os._exit(3)", "import os; os.abort()"]) {
    const { error } = await sandbox.runCode(death);
    assert.equal(error?.name, "ContextRestarting", death);
    assert.equal((await sandbox.runCode("x")).error?.name, "NameError", death);
    await sandbox.runCode("x = 1");
  }
  assert.equal((await neighbour.runCode("x")).text, "1");
});

e2bTest("a memory bomb is ended by the watchdog", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const { error } = await sandbox.runCode("hoard = []\nwhile True: hoard.append(bytearray(10_000_000))");
  // Without /proc there is no watchdog, and Python meets its own 4 GiB limit.
  if (Deno.build.os === "linux") {
    assert.equal(error?.name, "ContextRestarting");
    assert.match(error?.value ?? "", /memory/);
  }
  assert.equal((await sandbox.runCode("1")).text, "1");
}, { memoryLimitBytes: ENOUGH_FOR_PYTHON });

e2bTest("garbage from a kernel harms nobody else", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const write = `
from pyodide.ffi import to_js
def write(text):
    Function = to_js([]).constructor.constructor
    Function("text", "const b = new TextEncoder().encode(text); for (let n = 0; n < b.length;) n += Deno.stdout.writeSync(b.subarray(n))")(text)
`;
  await sandbox.runCode(write);
  const forged = await sandbox.runCode(
    `write('no json\\n{"type":"stdout"}\\n[]\\n\\x00\\xff\\n{"type":"error","id":7}\\n')\n1`,
  );
  assert.equal(forged.text, "1");
  const endless = await sandbox.runCode("while True: write('x' * 1_000_000)");
  assert.match(endless.error?.value ?? "", /a line is longer than/);
  assert.equal((await sandbox.runCode("1")).text, "1");
});

const SAY_PID_AND_LOOP = {
  python: `
from pyodide.ffi import to_js
print("pid", to_js([]).constructor.constructor("return Deno.pid")(), "end")
while True:
    try:
        while True: pass
    except KeyboardInterrupt: pass`,
  javascript: `console.log("pid", Deno.pid, "end"); while (true) {}`,
};

for (const [language, code] of Object.entries(SAY_PID_AND_LOOP)) {
  test(`stuck ${language} kernels end when the server is killed`, async () => {
    const program = `
      import { startE2B } from ${JSON.stringify(import.meta.resolve("../../local/e2b/server.ts"))};
      const server = await startE2B();
      const api = await fetch(server.url + "/v2/sandboxes", {
        method: "POST",
        headers: { "X-API-KEY": server.apiKey },
        body: JSON.stringify({ templateID: "base" }),
      });
      const { sandboxID } = await api.json();
      const run = await fetch(server.url + "/execute", {
        method: "POST",
        headers: { "E2b-Sandbox-Id": sandboxID, "E2b-Sandbox-Port": "49999" },
        body: ${JSON.stringify(JSON.stringify({ code, language }))},
      });
      for await (const chunk of run.body) Deno.stdout.writeSync(chunk);
    `;
    const child = new Deno.Command(Deno.execPath(), { args: ["eval", program], stdout: "piped" }).spawn();
    let output = "";
    let pid: string | undefined;
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      output += text;
      pid = /pid (\d+) end/.exec(output)?.[1];
      if (pid !== undefined) break;
    }
    assert.ok(pid, output);
    assert.match(await Deno.readTextFile(`/proc/${pid}/cmdline`), /main\.mjs/);
    child.kill("SIGKILL");
    await child.status;
    await eventually("the kernel ends with its server", async () => !await isAlive(pid));
  }, { sanitizeOps: true, sanitizeResources: true });
}

async function isAlive(pid: string): Promise<boolean> {
  try {
    return !/^State:\s+Z/m.test(await Deno.readTextFile(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}
