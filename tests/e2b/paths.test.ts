import assert from "node:assert/strict";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { Sandbox } from "@e2b/code-interpreter";
import { PYODIDE_URL } from "../../local/e2b/pyodide/isolation.ts";
import { e2bTest } from "./local_server.ts";

/** Finds each string below its roots that names a folder of this machine, and where it is. */
const FIND_PATHS = `
const found = [];
const seen = new Set();
const visit = (value, place) => {
  if (typeof value === "string" && folders.some((folder) => value.includes(folder))) found.push(place + ": " + value);
  if (Object(value) !== value || ArrayBuffer.isView(value) || seen.has(value)) return;
  seen.add(value);
  let keys = [];
  try { keys = Reflect.ownKeys(value); } catch {}
  for (const key of keys) {
    let inside;
    try { inside = value[key]; } catch { continue; }
    visit(inside, place + "." + String(key));
  }
};
let report;
try { report = process.report.getReport(); } catch (error) { report = error.message; }
visit({ globalThis, more, report, main: Deno.mainModule, execPath: Deno.execPath(), stack: new Error().stack, location: String(location) }, "");
let base;
try { base = new Request("a").url; } catch (error) { base = error.message; }
visit(base, "base");
for (const name of ["process", "module", "worker_threads"]) visit(await import("node:" + name), name);
return seen.size > 1000 ? found.join("\\n") : "too little was looked at";`;

/** The same in a worker that the cell starts. */
function inWorker(folders: string): string {
  const script = `(async (more, folders) => { ${FIND_PATHS} })(null, ${folders}).then(postMessage)`;
  return `
const worker = new Worker("data:text/javascript," + ${JSON.stringify(encodeURIComponent(script))}, { type: "module" });
const found = await new Promise((resolve, reject) => {
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = (event) => { event.preventDefault(); reject(new Error(event.message)); };
});
worker.terminate();
return found;`;
}

e2bTest("a cell finds no path of this machine", async (connection) => {
  await findsNoPath(await Sandbox.create(connection));
});

e2bTest("a cell of a fork finds no path of this machine", async (connection) => {
  const source = await Sandbox.create(connection);
  await source.runCode("x = 1");
  const [fork] = await source.fork({ timeoutMs: 120_000 });
  assert(fork instanceof Sandbox);
  await findsNoPath(fork);
});

async function findsNoPath(sandbox: Sandbox): Promise<void> {
  const folders = JSON.stringify([
    fileURLToPath(PYODIDE_URL),
    fileURLToPath(new URL("../../", import.meta.url)),
    dirname(Deno.execPath()),
  ]);
  const body = JSON.stringify(`return (async (more, folders) => { ${FIND_PATHS} })(more, ${folders})`);
  const python = await sandbox.runCode(`
import os, pyodide_js, sys
from pyodide.ffi import to_js
Function = to_js([]).constructor.constructor
found = await Function("more", ${body})(pyodide_js._api.config)
found += "".join(path for path in ${folders} if path in str(vars(sys)) + str(os.environ))
await pyodide_js.loadPackage("numpy")
found`);
  assert.deepEqual([python.text, python.error], ["", undefined]);
  // It says from where it could not load it.
  const said = python.logs.stderr.join("");
  assert.match(said, /numpy/);
  assert.ok(!JSON.parse(folders).some((folder: string) => said.includes(folder)), said);

  const script = inWorker(folders);
  const started = [
    await sandbox.runCode(`await Function(${JSON.stringify(`return (async () => { ${script} })()`)})()`),
    await sandbox.runCode(`await (async () => { ${script} })()`, { language: "javascript" }),
  ];
  for (const { text, error } of started) assert.deepEqual([text, error], ["", undefined]);

  const code = `await (async (more, folders) => { ${FIND_PATHS} })(null, ${folders})`;
  const javascript = await sandbox.runCode(code, { language: "javascript" });
  assert.deepEqual([javascript.text, javascript.error], ["", undefined]);
}

e2bTest("a worker that a cell starts hears what it was sent first, and can start another", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const inner = `data:text/javascript,${
    encodeURIComponent("onmessage = ({ data }) => postMessage([data, Deno.execPath()])")
  }`;
  const outer = `const worker = new Worker(${JSON.stringify(inner)}, { type: "module" });
worker.onmessage = ({ data }) => postMessage(data);
onmessage = ({ data }) => worker.postMessage(data + 1);`;
  const { text, error } = await sandbox.runCode(
    `
const url = URL.createObjectURL(new Blob([${JSON.stringify(outer)}], { type: "text/javascript" }));
const worker = new Worker(url, { type: "module", name: "outer" });
worker.postMessage(1);
const heard = await new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));
worker.terminate();
[...heard, worker instanceof Worker, worker.constructor === Worker].join()`,
    { language: "javascript" },
  );
  assert.deepEqual([text, error], ["2,/usr/local/bin/deno,true,true", undefined]);
  const words = await sandbox.runCode(
    'const { Worker: Thread } = await import("node:worker_threads"); new Thread("1", { eval: true })',
    { language: "javascript" },
  );
  assert.match(words.error?.value ?? "", /no threads of node:worker_threads/);
});
