// The main thread of a kernel process: reads commands from stdin, one JSON
// object a line, and leaves cells to a worker, because this thread must stay
// free to interrupt them and to notice that the server is gone.

import { Input } from "./input.mjs";
import { withoutPath } from "./module_blob.mjs";

/**
 * Starts the worker and obeys the server until it is gone.
 *
 * @param {object} options
 * @param {URL} options.script of the worker
 * @param {object} [options.boot] what the worker needs to start besides the server's first command
 * @param {number} options.cancelMs how long a worker that is free has to notice an interrupt
 * @param {(die: (reason: string) => never, number: number) => void} options.force interrupts a worker that is not
 */
export async function supervise({ script, boot = {}, cancelMs, force }) {
  const worker = new Worker(withoutPath(script), { type: "module" });
  const die = (reason) => {
    console.error(reason);
    Deno.exit(70);
  };
  worker.onerror = (event) => die(event.message);
  const input = new Input(Deno.stdin.readable);
  const first = await input.line();
  // The server was gone before it said a word.
  if (first === null) Deno.exit(0);
  const command = JSON.parse(first);
  const state = command.stateBytes > 0 ? await input.bytes(command.stateBytes) : null;
  worker.postMessage({ ...command, ...boot, state }, state === null ? [] : [state.buffer]);
  await new Promise((resolve) => {
    worker.onmessage = ({ data }) => data.type === "dead" ? die(data.reason) : resolve();
  });
  // Not before: the worker loads its modules under this thread's permissions.
  for (const name of ["read", "sys"]) Deno.permissions.revokeSync({ name });
  console.log(JSON.stringify({ type: "ready" }));

  let running;
  // Counted, because a cell may survive one and be asked again.
  let interrupts = 0;
  let cancelled = 0;
  worker.onmessage = ({ data }) => {
    if (data?.type === "dead") die(data.reason);
    if (data?.type === "cancelled") cancelled = data.number;
    if (data?.type === "idle" && data.id === running) running = undefined;
  };

  const obey = (command) => {
    if (command.type === "execute") running = command.id;
    if (command.type !== "interrupt") return worker.postMessage(command);
    const number = ++interrupts;
    // An interrupt comes as a message first, which only a cell that awaits lets
    // through. One that comes late must not hit the next cell.
    worker.postMessage({ ...command, number });
    setTimeout(() => {
      if (command.id === running && cancelled < number) force(die, number);
    }, cancelMs);
  };
  for await (const line of lines(input.rest())) obey(JSON.parse(line));
  // The server closed the pipe or died. A worker in a loop would outlive both.
  Deno.exit(0);
}

async function* lines(stream) {
  // Joined once, at the line's end: a line may hold a whole file.
  let partial = [];
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const [first, ...rest] = text.split("\n");
    partial.push(first);
    if (rest.length === 0) continue;
    const complete = [partial.join(""), ...rest];
    partial = [complete.pop()];
    yield* complete;
  }
}
