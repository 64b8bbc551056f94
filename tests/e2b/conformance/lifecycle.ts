import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { SandboxNotFoundError } from "e2b";
import type { Case } from "./case.ts";

export const LIFECYCLE: readonly Case[] = [
  {
    name: "a sandbox is found by its id, its metadata and its state, until it is killed",
    run: async (_sandbox, connection) => {
      const metadata = { conformance: crypto.randomUUID() };
      const made = await Sandbox.create({ ...connection, metadata, timeoutMs: 60_000 });
      const [listed] = await Sandbox.list({ ...connection, query: { metadata } }).nextItems();
      assert.deepEqual([listed?.sandboxId, listed?.state], [made.sandboxId, "running"]);
      const found = await Sandbox.connect(made.sandboxId, connection);
      await made.runCode("x = 1");
      assert.equal((await found.runCode("x")).text, "1");
      assert.equal(await found.isRunning(), true);
      assert.equal(await Sandbox.kill(made.sandboxId, connection), true);
      assert.equal(await Sandbox.kill(made.sandboxId, connection), false);
      assert.equal(await found.isRunning(), false);
      await assert.rejects(Sandbox.connect(made.sandboxId, connection), SandboxNotFoundError);
    },
  },
  {
    name: "a deadline is moved, and shown",
    isAlone: true,
    run: async (sandbox) => {
      await sandbox.setTimeout(120_000);
      const { endAt, startedAt } = await sandbox.getInfo();
      assert(endAt.getTime() - startedAt.getTime() > 100_000);
    },
  },
  {
    name: "a paused sandbox keeps variables, files and what runs",
    isAlone: true,
    run: async (sandbox, connection) => {
      await sandbox.runCode("x = 'kept'\nopen('file', 'w').write(x)");
      await sandbox.pause();
      assert.equal((await Sandbox.getInfo(sandbox.sandboxId, connection)).state, "paused");
      assert.equal(await sandbox.isRunning(), false);
      const resumed = await Sandbox.connect(sandbox.sandboxId, connection);
      assert.equal((await resumed.runCode("x + open('file').read()")).text, "keptkept");
    },
  },
];
