/**
 * A user worker: serves one Edge Function, on the platform's Deno, as its runtime does. Ends when its standard input
 * closes, or when it is told to drop and nothing is open any more.
 *
 * Arguments: the function's name, its module, and how much memory it may use, in MiB.
 */

import { lines } from "../../child.ts";
import { LOOPBACK } from "../../port.ts";
import { type Handler, loadHandler } from "../handler.ts";
import { readCommand } from "./commands.ts";
import { dispatchBeforeunload, dispatchDrain } from "./events.ts";
import { throughHops } from "./hops.ts";
import { createMemoryWatch } from "./memory.ts";
import { report } from "./report.ts";
import { createWork } from "./work.ts";

/** Its modules are loaded before `evaluation.ts` is evaluated, and evaluated after it. */
async function loadThenEvaluate(url: string): Promise<{ default?: unknown }> {
  const source = `import ${JSON.stringify(import.meta.resolve("./evaluation.ts"))};
    import * as loaded from ${JSON.stringify(url)};
    export { loaded };`;
  return (await import(`data:application/javascript,${encodeURIComponent(source)}`)).loaded;
}

async function followCommands(): Promise<never> {
  for await (const line of lines(Deno.stdin.readable)) {
    const told = readCommand(line);
    if (told.command === "beforeunload") dispatchBeforeunload(told.reason);
    if (told.command === "look_at_memory") lookAtMemory();
    if (told.command === "drop") dropping ??= dropWhenIdle();
  }
  Deno.exit();
}

async function dropWhenIdle(): Promise<never> {
  dispatchDrain();
  await work.idle();
  dispatchBeforeunload("early_drop");
  // An answer is told as completed before the last of it is sent.
  await server.shutdown();
  Deno.exit();
}

/** As the runtime's `Deno.serve` does it, the error included. */
async function answer(handler: Handler, incoming: Request): Promise<Response> {
  // Not `incoming`'s own signal, which tells at once that the caller has left, and that the answer was sent.
  const caller = new AbortController();
  try {
    const response = await handler(new Request(incoming, { signal: caller.signal }));
    if (response.body === null) return response;
    const { body, over } = throughHops(response.body, (reason) => caller.abort(reason));
    work.during(over);
    return new Response(body, response);
  } catch (error) {
    console.error(error);
    return new Response("Internal Server Error", { status: 500 });
  }
}

const [name = "", entrypoint = "", mebibytes = ""] = Deno.args;
// The function may take its place.
const serve = Deno.serve;
const work = createWork();
/** It is told by each clock that retires it, and after each request that it had then; it hears `drain` once. */
let dropping: Promise<never> | undefined;
const lookAtMemory = createMemoryWatch(Number(mebibytes) * 1024 * 1024);
Object.assign(globalThis, { EdgeRuntime: { waitUntil: work.waitUntil } });
let handler: Handler;
try {
  handler = await loadHandler(name, entrypoint, loadThenEvaluate);
} catch (error) {
  console.error(`The function ${name} cannot be loaded:`);
  throw error;
}
followCommands();
const server = serve({ hostname: LOOPBACK, port: 0, onListen: () => {} }, (incoming, { completed }) => {
  const answering = answer(handler, incoming);
  // Both: of a caller who has left, the connection is over before the answer is.
  work.during(answering);
  work.during(completed);
  return answering;
});
report({ report: "ready", port: server.addr.port });
