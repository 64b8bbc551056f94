// The process of a Python kernel.

import { supervise } from "./supervise.mjs";

const SIGINT = 2;
// The signal for Pyodide, and the number of the last interrupt that was one.
const interruptBuffer = new Int32Array(new SharedArrayBuffer(8));

await supervise({
  script: new URL("./worker.mjs", import.meta.url),
  boot: { kernelUrl: new URL("./", import.meta.url).href, interruptBuffer },
  // A signal that came while a cell awaits would hit Pyodide's event loop
  // instead of the cell.
  cancelMs: 20,
  force(_die, number) {
    Atomics.store(interruptBuffer, 1, number);
    Atomics.store(interruptBuffer, 0, SIGINT);
    Atomics.notify(interruptBuffer, 0);
  },
});
