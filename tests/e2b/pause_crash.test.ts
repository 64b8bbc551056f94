/** A server that is killed leaves no paused sandbox behind: what is stopped cannot notice that it is alone. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { findNativeKernels } from "../../local/e2b/native/find.ts";
import { needing } from "../support/needs.ts";
import { eventually } from "../support/settle.ts";

const { test } = await needing("Linux's /proc");
const kernels = (await findNativeKernels()).outcome === "found" ? ["pyodide", "native"] : ["pyodide"];

for (const kernel of kernels) {
  test(`${kernel}: with a killed server its paused sandboxes are gone`, async () => {
    const server = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", fileURLToPath(new URL("./paused_server.ts", import.meta.url)), kernel],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    let started: number[] = [];
    try {
      const said = await server.stdout.pipeThrough(new TextDecoderStream()).values().next();
      assert.equal(said.value, "paused\n");
      started = await descendantsOf(server.pid);
      // One that is stopped while it computes stands still once it has had its turn.
      await eventually(
        "its processes are stopped",
        async () => (await Promise.all(started.map(stateOf))).includes("T"),
      );
    } finally {
      server.kill("SIGKILL");
      await server.status;
    }
    await eventually("they are gone", async () => {
      const states = await Promise.all(started.map(stateOf));
      return states.every((state) => state === null || state === "Z");
    });
  }, { sanitizeOps: true, sanitizeResources: true });
}

/** All that a process has started, and what that has started. */
async function descendantsOf(pid: number): Promise<number[]> {
  const found: number[] = [];
  for await (const { name } of Deno.readDir(`/proc/${pid}/task`)) {
    const children = await Deno.readTextFile(`/proc/${pid}/task/${name}/children`);
    for (const child of children.split(" ").filter((each) => each !== "").map(Number)) {
      found.push(child, ...await descendantsOf(child));
    }
  }
  return found;
}

/** A letter, as in `proc(5)`; `null` for one that is gone. */
async function stateOf(pid: number): Promise<string | null> {
  try {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
    return stat.slice(stat.lastIndexOf(")") + 2)[0] ?? null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || String(error).includes("ESRCH")) return null;
    throw error;
  }
}
