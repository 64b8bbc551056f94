// The process of a Python kernel.

import { supervise } from "./supervise.mjs";

const [pyodideUrl, snapshotPath] = Deno.args;
const SIGINT = 2;
const interruptBuffer = new Int32Array(new SharedArrayBuffer(4));

await supervise({
  script: import.meta.resolve("./worker.mjs"),
  boot: { pyodideUrl, snapshotPath, interruptBuffer },
  // A signal that came while a cell awaits would hit Pyodide's event loop
  // instead of the cell.
  cancelMs: 20,
  force() {
    Atomics.store(interruptBuffer, 0, SIGINT);
    Atomics.notify(interruptBuffer, 0);
  },
});
