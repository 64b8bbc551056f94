// The process of a Python kernel.

import { supervise } from "./supervise.mjs";

const SIGINT = 2;
const interruptBuffer = new Int32Array(new SharedArrayBuffer(4));

await supervise({
  script: new URL("./worker.mjs", import.meta.url),
  boot: { kernelUrl: new URL("./", import.meta.url).href, interruptBuffer },
  // A signal that came while a cell awaits would hit Pyodide's event loop
  // instead of the cell.
  cancelMs: 20,
  force() {
    Atomics.store(interruptBuffer, 0, SIGINT);
    Atomics.notify(interruptBuffer, 0);
  },
});
