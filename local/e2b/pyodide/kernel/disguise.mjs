// What Deno says of this machine to anyone who asks, said otherwise. It asks
// for no permission, so only a replacement keeps it from cells.
//
// To be imported before anything of Node's: what is set here on import is read
// once, when Node's `process` is made.

const PROGRAM = "/usr/local/bin/deno";

Deno[Deno.internal].__nodeBootstrapArgs.argv0 = PROGRAM;

/**
 * Makes this thread name no folder of this machine. A worker that a cell starts
 * still finds where Deno is.
 *
 * @param {string} [script] what runs in Deno, if that looks for its own name
 */
export function hidePaths(...script) {
  Object.defineProperty(Deno, "execPath", { value: () => PROGRAM, enumerable: true });
  const { process } = globalThis;
  process.execPath = PROGRAM;
  // Of the whole process: this is what `ps` shows.
  process.title = "deno main.mjs";
  // In place, because Node's module exports the list itself as well.
  process.argv.splice(0, Infinity, PROGRAM, ...script);
}
