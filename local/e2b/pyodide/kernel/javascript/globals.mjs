// What a cell finds around it: names of Node, as far as they are harmless.

import { createRequire } from "node:module";
import process from "node:process";
import { clientConsole, print } from "./output.mjs";

/**
 * @param {{ environment: Record<string, string>, cwd: string }} configuration
 * @param {(reason: string) => void} die
 */
export function installGlobals({ environment, cwd }, die) {
  globalThis.console = clientConsole();
  globalThis.require = createRequire(`file://${cwd}/`);
  // This process may not read its real environment, and cells need not.
  define(process, "env", new Proxy({ ...environment }, { set: setText }));
  define(process, "cwd", () => cwd);
  for (const stream of ["stdout", "stderr"]) {
    define(process[stream], "write", (text) => {
      print(stream, typeof text === "string" ? text : new TextDecoder().decode(text));
      return true;
    });
  }
  // These would end the worker without a word, and the cell would never end.
  const exit = () => die("The cell ended its kernel.");
  for (const [owner, name] of [[process, "exit"], [process, "reallyExit"], [Deno, "exit"], [self, "close"]]) {
    define(owner, name, exit);
  }
}

function define(owner, name, value) {
  Object.defineProperty(owner, name, { value, configurable: true, writable: true });
}

function setText(variables, name, value) {
  variables[name] = String(value);
  return true;
}
