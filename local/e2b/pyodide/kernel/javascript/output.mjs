// What a cell says: every message is one JSON line on the process's stdout.

import { inspect } from "node:util";

// The server refuses longer lines; a longer result becomes an error instead.
const MAX_LINE = 16 * 1024 * 1024;
// Keeps one huge console.log() from becoming one huge line.
const MAX_TEXT = 64 * 1024;

// Bound here, because a cell may replace them.
const { stringify, parse } = JSON;
const { Console } = Deno[Deno.internal];
const { getPrototypeOf, prototype: objectPrototype } = Object;
const encoder = new TextEncoder();
const encode = encoder.encode.bind(encoder);
const writeSync = Deno.stdout.writeSync.bind(Deno.stdout);
let executionId = 0;

/** Marks everything said from now on as said by this execution. */
export function begin(id) {
  executionId = id;
}

/** Sends one message; blocks while the pipe is full, which slows a flood down. */
export function say(type, fields) {
  const line = stringify({ type, id: executionId, ...fields });
  if (line.length > MAX_LINE) throw new RangeError(`a result of ${line.length} bytes exceeds ${MAX_LINE}`);
  const bytes = encode(`${line}\n`);
  for (let sent = 0; sent < bytes.length;) sent += writeSync(bytes.subarray(sent));
}

export function print(stream, text) {
  for (let start = 0; start < text.length; start += MAX_TEXT) {
    say(stream, { text: text.slice(start, start + MAX_TEXT) });
  }
}

/** A console like the one of the process, for the client. */
export function clientConsole() {
  return new Console((text, level) => print(level > 1 ? "stderr" : "stdout", text));
}

export function showResult(value) {
  const text = inspect(value);
  // E2B does this to any text, so that the string 'a' is shown as a.
  const unquoted = /^(['"])[^]*\1$/.test(text) && text.length > 1 ? text.slice(1, -1) : text;
  say("result", { text: unquoted, json: plainJson(value), extra: {}, is_main_result: true });
}

/** Objects and arrays that JSON can hold; `undefined` for anything else. */
function plainJson(value) {
  if (typeof value !== "object" || value === null) return undefined;
  if (!Array.isArray(value) && ![objectPrototype, null].includes(getPrototypeOf(value))) return undefined;
  try {
    return parse(stringify(value));
  } catch {
    return undefined;
  }
}

/** Sends what a cell threw; `details` are the inspector's. */
export function showError(thrown, details) {
  const isError = thrown instanceof Error;
  const name = isError ? String(thrown.name) : "Error";
  const value = isError ? String(thrown.message) : inspect(thrown);
  const head = value === "" ? name : `${name}: ${value}`;
  const frames = String((isError && thrown.stack) || "").split("\n").filter((line) => /^ {4}at /.test(line));
  // What is below the cell is this kernel.
  const own = frames.findIndex((frame) => /\bext:|#(inspector|worker)\.mjs:/.test(frame));
  const shown = own === -1 ? frames : frames.slice(0, own);
  if (shown.length === 0 && details !== undefined) {
    shown.push(`    at <anonymous>:${details.lineNumber + 1}:${details.columnNumber + 1}`);
  }
  say("error", { name, value, traceback: [head, ...shown].join("\n") });
}
