// How Pyodide is started, the same for a kernel and for the snapshot builder:
// a snapshot fits only a Pyodide that was started in the same way.

import { fileURLToPath } from "node:url";
import { restore } from "./sparse.mjs";

const MODULES = [
  "__init__",
  "cell",
  "display",
  "failure",
  "guards",
  "output",
];

/**
 * Starts Pyodide with the kernel's Python modules imported.
 *
 * @param {string} pyodideUrl directory of the npm package, with a final slash
 * @param {{ forSnapshot?: boolean }} options whether a snapshot is to be made of it
 */
export async function bootPyodide(pyodideUrl, { forSnapshot = false } = {}) {
  const pyodide = await load(pyodideUrl, { _makeSnapshot: forSnapshot });
  importKernel(pyodide);
  return pyodide;
}

/** The same, faster, from a snapshot. */
export async function restorePyodide(pyodideUrl, snapshotPath) {
  return await restore(snapshotPath, (snapshot) => load(pyodideUrl, { _loadSnapshot: snapshot }));
}

async function load(pyodideUrl, options) {
  const { loadPyodide } = await import(`${pyodideUrl}pyodide.mjs`);
  return await loadPyodide({
    createPyodideModule: readModule(new URL("pyodide.asm.mjs", pyodideUrl)),
    // Pyodide would look for itself in a stack trace, which a source map bends.
    indexURL: fileURLToPath(pyodideUrl),
    env: { HOME: "/home/user" },
    // Without this, input() would read the process's own stdin: the server's
    // commands.
    stdin: () => null,
    // Hides `js` from Python. A courtesy, not a wall: any JsProxy leads back
    // to globalThis. The wall is that this process has no permission.
    jsglobals: Object.create(null),
    ...options,
  });
}

/**
 * What the module exports, without an import of it: Deno looks through a module's text for imports of its own each time,
 * unless it may keep what it found in a cache, and a kernel may keep nothing. In this one that takes a fifth of a start.
 */
function readModule(url) {
  const [body, exported] = Deno.readTextFileSync(url).split("export default ");
  if (exported === undefined) return undefined;
  return new Function(`${body.replaceAll("import.meta.url", JSON.stringify(url.href))}\nreturn ${exported}`)();
}

function importKernel(pyodide) {
  const folder = "/opt/sandbox/_kernel";
  pyodide.FS.mkdirTree(folder);
  for (const name of MODULES) {
    const source = new URL(`./python/${name}.py`, import.meta.url);
    pyodide.FS.writeFile(`${folder}/${name}.py`, Deno.readTextFileSync(source));
  }
  pyodide.runPython(`
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, "/opt/sandbox")
import _kernel
sys.path.remove("/opt/sandbox")
`);
}
