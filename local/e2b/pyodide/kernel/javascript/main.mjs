// The process of a JavaScript or TypeScript kernel.

import { supervise } from "../supervise.mjs";

await supervise({
  script: new URL("./worker.mjs", import.meta.url),
  cancelMs: 500,
  // Nothing in here can break a synchronous loop and leave its variables: that
  // would take a debugger's port, open to other processes of this machine.
  force: (die) => die("The cell was interrupted while it computed."),
});
