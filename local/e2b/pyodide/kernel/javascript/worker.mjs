// The thread in which cells run. Everything after "booted" may be hostile: it
// holds nothing worth having.

import { hidePaths } from "../disguise.mjs";
import { withoutPath } from "../module_blob.mjs";
import { stripTypeScriptTypes } from "node:module";
import { installGlobals } from "./globals.mjs";
import { withDynamicImports } from "./imports.mjs";
import { Inspector } from "./inspector.mjs";
import { begin, print, say, showError, showResult } from "./output.mjs";

const inspector = new Inspector();
const post = self.postMessage.bind(self);
let language;
/** Where acorn can be imported from when a cell needs it: its 230 kB would slow every start. */
let parserUrl;
let count = 0;
let interrupt = () => {};

/** Ends the process, which only main can. */
function die(reason) {
  post({ type: "dead", reason: String(reason) });
  // Nothing may run after a process.exit().
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

async function boot(data) {
  language = data.language;
  parserUrl = withoutPath(new URL(data.parserUrl));
  hidePaths();
  await inspector.open();
  for (const name of ["read", "sys"]) Deno.permissions.revokeSync({ name });
  // A promise that a cell forgot must not take the cell's variables along.
  self.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    print("stderr", `Uncaught (in promise) ${event.reason?.stack ?? event.reason}\n`);
  });
  self.addEventListener("error", (event) => {
    event.preventDefault();
    print("stderr", `Uncaught ${event.error?.stack ?? event.message}\n`);
  });
  post({ type: "booted" });
}

async function execute({ id, code, silent }) {
  begin(id);
  const { promise: interrupted, resolve } = Promise.withResolvers();
  interrupt = (number) => {
    post({ type: "cancelled", number });
    resolve({ threw: true, value: new KeyboardInterrupt("The cell was interrupted.") });
  };
  try {
    if (!silent && code.trim() !== "") count++;
    if (!silent) say("count", { count });
    show(await Promise.race([inspector.evaluate(await toScript(toJavaScript(code))), interrupted]));
  } catch (error) {
    showError(error);
  }
  interrupt = () => {};
  post({ type: "idle", id });
  say("done", {});
}

function show({ threw, value, details }) {
  if (threw) showError(value, details);
  else if (value !== undefined) showResult(value);
}

/** Code that cannot be translated is left to V8, which says best what is wrong with it. */
function toJavaScript(code) {
  if (language !== "typescript") return code;
  // Only the first keeps every position; only the second knows enums.
  for (const mode of ["strip", "transform"]) {
    try {
      return stripTypeScriptTypes(code, { mode });
    } catch {
      // The next, or V8.
    }
  }
  return code;
}

/** Only modules may import, and a cell is none. */
async function toScript(code) {
  if (!/\bimport\b/.test(code)) return code;
  const { parse } = await import(parserUrl);
  return withDynamicImports(code, parse);
}

class KeyboardInterrupt extends Error {
  name = "KeyboardInterrupt";
}

const obey = {
  boot: (data) => boot(data).catch(die),
  configure: (data) => installGlobals(data, die),
  execute,
  interrupt: ({ number }) => interrupt(number),
};
// Not `onmessage`, which a cell may set by accident.
self.addEventListener("message", ({ data }) => obey[data.type](data));
