// Writes a memory snapshot of a started kernel to stdout. The process may only
// read; storing the snapshot is the server's business.

import { bootPyodide } from "./boot.mjs";
import { pack } from "./sparse.mjs";

const [pyodideUrl] = Deno.args;
const pyodide = await bootPyodide(pyodideUrl, new URL("./", import.meta.url).href);
for (const piece of pack(pyodide.makeMemorySnapshot())) {
  for (let sent = 0; sent < piece.length;) sent += Deno.stdout.writeSync(piece.subarray(sent));
}
Deno.exit(0);
