/** A server of its own with a paused sandbox on the kernel that its argument names: it says so, and waits to be killed. */
import { Sandbox } from "@e2b/code-interpreter";
import { KERNELS } from "../../local/e2b/choose_kernel.ts";
import { startE2B } from "../../local/e2b/server.ts";

const kernel = KERNELS.find((name) => name === Deno.args[0]);
const { url, apiKey } = await startE2B({ kernel });
const sandbox = await Sandbox.create({ apiKey, apiUrl: url, sandboxUrl: url, timeoutMs: 3_600_000 });
await sandbox.runCode("1");
await sandbox.commands.run("sleep 3600", { background: true, timeoutMs: 0 });
await sandbox.pause();
console.log("paused");
