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
visit({ globalThis, more, execPath: Deno.execPath(), stack: new Error().stack, location: String(location) }, "");
let base;
try { base = new Request("a").url; } catch (error) { base = error.message; }
visit(base, "base");
for (const name of ["process", "module", "worker_threads"]) visit(await import("node:" + name), name);
return seen.size > 1000 ? found.join("\\n") : "too little was looked at";`;

e2bTest("a cell finds no path of this machine", async (connection) => {
  const folders = JSON.stringify([
    fileURLToPath(PYODIDE_URL),
    fileURLToPath(new URL("../../", import.meta.url)),
    dirname(Deno.execPath()),
  ]);
  const sandbox = await Sandbox.create(connection);
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

  const code = `await (async (more, folders) => { ${FIND_PATHS} })(null, ${folders})`;
  const javascript = await sandbox.runCode(code, { language: "javascript" });
  assert.deepEqual([javascript.text, javascript.error], ["", undefined]);
});
