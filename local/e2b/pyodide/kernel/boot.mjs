// How Pyodide is started, the same for a kernel and for the snapshot builder:
// a snapshot fits only a Pyodide that was started in the same way.

import { hidePaths } from "./disguise.mjs";
import { fileURLToPath } from "node:url";
import { withoutPath } from "./module_blob.mjs";
import { restore } from "./sparse.mjs";

const MODULES = [
  "__init__",
  "capture",
  "cell",
  "compiled",
  "display",
  "displayables",
  "failure",
  "figures",
  "file_magics",
  "formats",
  "guards",
  "json_value",
  "layout",
  "links",
  "magic",
  "media",
  "namespace",
  "output",
  "packages",
  "pretty",
  "printers",
  "refusals",
  "results",
  "shell",
  "syntax",
  "timing",
  "variables",
];

/**
 * Starts Pyodide with the kernel's Python modules imported.
 *
 * @param {string} pyodideUrl directory of the npm package, with a final slash
 * @param {string} kernelUrl directory of this kernel, with a final slash
 * @param {{ forSnapshot?: boolean }} options whether a snapshot is to be made of it
 */
export async function bootPyodide(pyodideUrl, kernelUrl, { forSnapshot = false } = {}) {
  const pyodide = await load(pyodideUrl, { _makeSnapshot: forSnapshot });
  importKernel(pyodide, kernelUrl);
  return pyodide;
}

/** The same, faster, from a snapshot. */
export async function restorePyodide(pyodideUrl, snapshotPath) {
  return await restore(snapshotPath, (snapshot) => load(pyodideUrl, { _loadSnapshot: snapshot }));
}

async function load(pyodideUrl, options) {
  // Python's `sys.executable`, which a snapshot keeps.
  hidePaths("/usr/local/bin/python3");
  const { loadPyodide } = await import(withoutPath(new URL("pyodide.mjs", pyodideUrl)));
  const pyodide = await loadPyodide({
    createPyodideModule: readModule(new URL("pyodide.asm.mjs", pyodideUrl)),
    // Pyodide would look for itself in a stack trace, which a source map bends.
    indexURL: fileURLToPath(pyodideUrl),
    // Both would be `indexURL`, which would then be told when a package is missing.
    packageBaseUrl: "/",
    packageCacheDir: "/",
    env: { HOME: "/home/user" },
    // Without this, input() would read the process's own stdin: the server's
    // commands.
    stdin: () => null,
    // Hides `js` from Python. A courtesy, not a wall: any JsProxy leads back
    // to globalThis. The wall is that this process has no permission.
    jsglobals: Object.create(null),
    ...options,
  });
  // Cells can see it, and nothing can be loaded from there any more.
  pyodide._api.config.indexURL = "/";
  return pyodide;
}

/**
 * What the module exports, without an import of it: Deno looks through a module's text for imports of its own each time,
 * unless it may keep what it found in a cache, and a kernel may keep nothing. In this one that takes a fifth of a start.
 */
function readModule(url) {
  const [body, exported] = Deno.readTextFileSync(url).split("export default ");
  if (exported === undefined) return undefined;
  return new Function(`${body.replaceAll("import.meta.url", '"file:///pyodide.asm.mjs"')}\nreturn ${exported}`)();
}

function importKernel(pyodide, kernelUrl) {
  const folder = "/opt/sandbox/_kernel";
  pyodide.FS.mkdirTree(folder);
  for (const name of MODULES) {
    const source = new URL(`python/${name}.py`, kernelUrl);
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
