// A kernel process: reads commands from stdin, one JSON object a line, and
// leaves Python to a worker, because this thread must stay free to interrupt
// it and to notice that the server is gone.

const [pyodideUrl, snapshotPath] = Deno.args;
const SIGINT = 2;
const CANCEL_MS = 20;
const interruptBuffer = new Int32Array(new SharedArrayBuffer(4));

const worker = new Worker(import.meta.resolve("./worker.mjs"), {
  type: "module",
});
const die = (reason) => {
  console.error(reason);
  Deno.exit(70);
};
worker.onerror = (event) => die(event.message);
worker.postMessage({ type: "boot", pyodideUrl, snapshotPath, interruptBuffer });
await new Promise((resolve) => {
  worker.onmessage = ({ data }) => data.type === "dead" ? die(data.reason) : resolve();
});
// Not before: the worker loads its modules under this thread's permission.
Deno.permissions.revokeSync({ name: "read" });
console.log(JSON.stringify({ type: "ready" }));

let running;
let cancelled;
worker.onmessage = ({ data }) => {
  if (data?.type === "dead") die(data.reason);
  if (data?.type === "cancelled") cancelled = data.id;
  if (data?.type === "idle" && data.id === running) running = undefined;
};

function obey(command) {
  if (command.type === "execute") running = command.id;
  if (command.type !== "interrupt") return worker.postMessage(command);
  // First as a message, which only a cell that awaits lets through. A signal
  // that came while it awaits would hit Pyodide's event loop, not the cell.
  worker.postMessage(command);
  setTimeout(() => {
    // An interrupt that comes late must not hit the next cell.
    if (command.id !== running || command.id === cancelled) return;
    Atomics.store(interruptBuffer, 0, SIGINT);
    Atomics.notify(interruptBuffer, 0);
  }, CANCEL_MS);
}

// Joined once, at the line's end: a line may hold a whole file.
let partial = [];
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const [first, ...rest] = text.split("\n");
  partial.push(first);
  if (rest.length === 0) continue;
  const lines = [partial.join(""), ...rest];
  partial = [lines.pop()];
  for (const line of lines) obey(JSON.parse(line));
}
// The server closed the pipe or died. A worker in a loop would outlive both.
Deno.exit(0);
