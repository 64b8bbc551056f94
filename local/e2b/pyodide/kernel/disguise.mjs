// What Deno says of this machine to anyone who asks, said otherwise. It asks
// for no permission, so only a replacement keeps it from cells.
//
// To be imported before anything of Node's: what is set here on import is read
// once, when Node's `process` is made.

const PROGRAM = "/usr/local/bin/deno";

hideProgram(PROGRAM);

/**
 * Makes this thread name no folder of this machine, and each worker that a cell starts.
 *
 * @param {string} [script] what runs in Deno, if that looks for its own name
 */
export function hidePaths(...script) {
  hide(PROGRAM, hideProgram.toString());
  // In place, because Node's module exports the list itself as well.
  globalThis.process.argv.splice(1, Infinity, ...script);
}

function hideProgram(program) {
  Deno[Deno.internal].__nodeBootstrapArgs.argv0 = program;
}

/**
 * All of it that can be done in a thread that has begun. Its own text is run first in each worker, so it stands alone.
 *
 * @param {string} program where Deno is said to be
 * @param {string} first the text of what must be done before Node's `process` is made
 */
function hide(program, first) {
  const { process } = globalThis;
  Object.defineProperty(Deno, "execPath", { value: () => program, enumerable: true });
  process.execPath = program;
  // Of the whole process: this is what `ps` shows.
  process.title = "deno main.mjs";
  process.argv[0] = program;
  for (const name of ["getReport", "writeReport"]) {
    // It has the command line and the folders of the machine.
    process.report[name] = () => {
      throw new Error("this sandbox gives no diagnostic report");
    };
  }

  const own = `(${first})(${JSON.stringify(program)});(${hide})(${JSON.stringify(program)}, ${
    JSON.stringify(first)
  });\n`;
  const { Blob, Proxy, Reflect, URL } = globalThis;
  const toBlob = (source) => URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  // Static imports, so that messages wait for the whole of the worker's script as they would without.
  const ownFirst = (url) => toBlob(`import ${JSON.stringify(toBlob(own))};\nimport ${JSON.stringify(url)};\n`);

  const replace = (owner, name, construct) => {
    const replaced = new Proxy(owner[name], { construct });
    // Else it would lead back to the original.
    const constructor = { value: replaced, configurable: true, writable: true };
    Object.defineProperty(replaced.prototype, "constructor", constructor);
    Object.defineProperty(owner, name, { ...constructor, enumerable: owner !== globalThis });
  };
  replace(globalThis, "Worker", (worker, [url, options], newTarget) => {
    // Others Deno refuses, in its own words.
    const isReadable = /^(data|blob):/.test(String(url)) && options?.type === "module";
    return Reflect.construct(worker, [isReadable ? ownFirst(String(url)) : url, options ?? {}], newTarget);
  });
  // Node's `process` is made before the script of such a thread, and its `argv0` cannot be replaced afterwards.
  replace(process.getBuiltinModule("node:worker_threads"), "Worker", () => {
    throw new Error("this sandbox has no threads of node:worker_threads: use the global Worker");
  });
  process.getBuiltinModule("node:module").syncBuiltinESMExports();
}
