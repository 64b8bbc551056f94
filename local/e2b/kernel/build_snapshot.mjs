// Writes a memory snapshot of a started kernel to stdout. The process may only
// read; storing the snapshot is the server's business.

import { bootPyodide } from "./boot.mjs";

const [pyodideUrl] = Deno.args;
const pyodide = await bootPyodide(pyodideUrl, { forSnapshot: true });
const snapshot = pyodide.makeMemorySnapshot();
for (let sent = 0; sent < snapshot.length;) {
  sent += Deno.stdout.writeSync(snapshot.subarray(sent));
}
Deno.exit(0);
