// How Pyodide is started, the same for a kernel and for the snapshot builder:
// a snapshot fits only a Pyodide that was started in the same way.

import { hidePaths } from "./disguise.mjs";
import { fileURLToPath } from "node:url";
import { withoutPath } from "./module_blob.mjs";
import { memoryBytes, openFile, restore } from "./sparse.mjs";

const MODULES = [
  "__init__",
  "capture",
  "carry",
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
 */
export async function bootPyodide(pyodideUrl, kernelUrl) {
  const pyodide = await load(pyodideUrl);
  importKernel(pyodide, kernelUrl);
  return pyodide;
}

/** The same, faster, from a snapshot. */
export async function restorePyodide(pyodideUrl, snapshotPath) {
  using file = openFile(snapshotPath);
  return await restore(file.read, (snapshot) => load(pyodideUrl, { _loadSnapshot: snapshot }));
}

/**
 * One that goes on where another one was. Whatever cells have put into that runs from the moment on at which its memory is
 * there, so nothing may be left by then that must be kept from them.
 *
 * @param {string} pyodideUrl
 * @param {import("./sparse.mjs").Read} read the other one's memory
 * @param {(name: string) => object} own what the other one's JavaScript objects of this name are here
 * @param {() => void} onMemory called just before
 */
export async function resumePyodide(pyodideUrl, read, own, onMemory) {
  const options = { _snapshotDeserializer: own };
  return await restore(read, (snapshot) => load(pyodideUrl, { ...options, _loadSnapshot: snapshot }), onMemory);
}

async function load(pyodideUrl, options = {}) {
  // Python's `sys.executable`, which a snapshot keeps.
  hidePaths("/usr/local/bin/python3");
  const { loadPyodide } = await import(withoutPath(new URL("pyodide.mjs", pyodideUrl)));
  const createPyodideModule = readModule(new URL("pyodide.asm.mjs", pyodideUrl));
  return await loadPyodide({
    createPyodideModule: async (settings) => {
      const module = await createPyodideModule(settings);
      // Cells can see it, and nothing can be loaded from there any more.
      module.API.config.indexURL = "/";
      // Pyodide takes it for granted that a snapshot is of a Python whose memory has not grown.
      if (options._loadSnapshot !== undefined) module.growMemory(memoryBytes(options._loadSnapshot));
      return module;
    },
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
    // A kernel that is copied makes one. All that it does before is to note the way to what is found in `jsglobals`.
    _makeSnapshot: true,
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
