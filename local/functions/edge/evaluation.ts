/**
 * Imported before a function: when it is evaluated, all modules of the function are loaded, and none is evaluated. There
 * it waits until its worker's CPU time has been read, because loading is not counted and evaluating is.
 */

import { readCommand } from "./commands.ts";
import { report } from "./report.ts";

/** Blocks, as nothing may be evaluated meanwhile. Null at the end of the input. */
function readLine(): string | null {
  const bytes: number[] = [];
  const byte = new Uint8Array(1);
  while (Deno.stdin.readSync(byte) === 1) {
    if (byte[0] === 0x0a) return new TextDecoder().decode(new Uint8Array(bytes));
    bytes.push(byte[0]);
  }
  return null;
}

report({ report: "loaded" });
const line = readLine();
if (line === null) Deno.exit();
if (readCommand(line).command !== "evaluate") throw new TypeError(`Expected to be told to evaluate, not ${line}`);
