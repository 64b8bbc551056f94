/** The cases that `deno task conformance` puts to any server, on each kernel of this machine. */
import { Sandbox } from "@e2b/code-interpreter";
import { needing } from "../support/needs.ts";
import { type Feature, inSandbox } from "./conformance/case.ts";
import { CASES } from "./conformance/cases.ts";
import { type Connection, onServer } from "./local_server.ts";

const MISSING_OF_PYODIDE: readonly Feature[] = ["real programs", "bash kernel", "R kernel", "numpy", "charts"];
const MISSING_OF_NATIVE: readonly Feature[] = ["fork"];
const native = await needing("the native kernel");

for (const each of CASES) {
  const run = (connection: Connection) => inSandbox(each, connection, (given) => Sandbox.create(given));
  if (!each.needs?.some((feature) => MISSING_OF_PYODIDE.includes(feature))) {
    Deno.test(`${each.name}, on Pyodide`, () => onServer({}, run));
  }
  if (each.needs?.some((feature) => MISSING_OF_NATIVE.includes(feature))) continue;
  native.test(
    `${each.name}, on the native kernel`,
    () => onServer({ kernel: "native" }, (connection) => inSandbox(each, connection, (given) => Sandbox.create(given))),
  );
}
