import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { startE2B } from "../../local/e2b/server.ts";

/** Runs one cell on a new server and returns what the server reported. */
async function runWith(cacheDir: string): Promise<string[]> {
  const progress: string[] = [];
  const server = await startE2B({ cacheDir, onProgress: (message) => progress.push(message) });
  try {
    const sandbox = await Sandbox.create({ apiKey: server.apiKey, apiUrl: server.url, sandboxUrl: server.url });
    assert.equal((await sandbox.runCode("1", { timeoutMs: 0 })).text, "1");
  } finally {
    await server.stop();
  }
  return progress;
}

Deno.test({
  name: "a damaged snapshot is built anew, and a sound one is used again",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    const cacheDir = await Deno.makeTempDir();
    try {
      assert.match((await runWith(cacheDir)).join(), /^building/);
      const [file] = await Array.fromAsync(Deno.readDir(cacheDir));
      assert.match(file?.name ?? "", /^snapshot-[0-9a-f]+\.bin$/);
      const path = `${cacheDir}/${file?.name}`;
      const sound = await Deno.readFile(path);

      await Deno.truncate(path, sound.length / 2);
      assert.match((await runWith(cacheDir)).join(), /^building/);
      // Whole again: it ends with its digest, as a sound one does.
      const mended = await Deno.readFile(path);
      const digest = await crypto.subtle.digest("SHA-256", mended.subarray(0, -32));
      assert.deepEqual(mended.subarray(-32), new Uint8Array(digest));
      assert.deepEqual(await runWith(cacheDir), []);
      assert.equal((await Array.fromAsync(Deno.readDir(cacheDir))).length, 1);
    } finally {
      await Deno.remove(cacheDir, { recursive: true });
    }
  },
});

Deno.test({
  name: "without a place for the snapshot, Python still starts",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    // A folder inside a file cannot exist.
    const file = await Deno.makeTempFile();
    try {
      assert.match((await runWith(`${file}/cache`)).join(), /^no Python snapshot/);
    } finally {
      await Deno.remove(file);
    }
  },
});
