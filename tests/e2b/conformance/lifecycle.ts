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
    run: async (sandbox) => {
      await sandbox.setTimeout(120_000);
      const { endAt, startedAt } = await sandbox.getInfo();
      assert(endAt.getTime() - startedAt.getTime() > 100_000);
    },
  },
  {
    name: "a paused sandbox keeps variables, files and what runs",
    run: async (sandbox, connection) => {
      await sandbox.runCode("x = 'kept'\nopen('file', 'w').write(x)");
      await sandbox.pause();
      assert.equal((await Sandbox.getInfo(sandbox.sandboxId, connection)).state, "paused");
      assert.equal(await sandbox.isRunning(), false);
      const resumed = await Sandbox.connect(sandbox.sandboxId, connection);
      assert.equal((await resumed.runCode("x + open('file').read()")).text, "keptkept");
    },
  },
  {
    name: "forks go on where their source was, and it goes on itself",
    needs: ["fork"],
    run: async (sandbox) => {
      await sandbox.runCode("x = ['kept']\nturns = iter('abc')\nnext(turns)\nopen('file', 'w').write('there')");
      const forks = await sandbox.fork({ count: 2, timeoutMs: 60_000 });
      try {
        for (const each of [...forks, sandbox]) {
          assert(each instanceof Sandbox);
          assert.equal((await each.runCode("x, next(turns), open('file').read()")).text, "(['kept'], 'b', 'there')");
          await each.runCode("x.append('own')");
          await each.files.write("file", "own");
        }
      } finally {
        for (const fork of forks) if (fork instanceof Sandbox) await fork.kill();
      }
    },
  },
  {
    name: "a fork is its source's equal, with an id and a life of its own",
    needs: ["fork"],
    run: async (_sandbox, connection) => {
      const metadata = { conformance: crypto.randomUUID() };
      const source = await Sandbox.create({ ...connection, metadata, timeoutMs: 60_000 });
      const [fork] = await source.fork({ timeoutMs: 60_000 });
      assert(fork instanceof Sandbox);
      const listed = await Sandbox.list({ ...connection, query: { metadata } }).nextItems();
      assert.deepEqual(new Set(listed.map(({ sandboxId }) => sandboxId)), new Set([source.sandboxId, fork.sandboxId]));
      await source.kill();
      assert.equal((await fork.runCode("1 + 1")).text, "2");
      await fork.kill();
      await assert.rejects(fork.fork(), SandboxNotFoundError);
    },
  },
  {
    name: "what is paused is not forked",
    needs: ["fork"],
    run: async (sandbox, connection) => {
      await sandbox.pause();
      await assert.rejects(sandbox.fork(), /409.*paused/);
      await Sandbox.connect(sandbox.sandboxId, connection);
    },
  },
  {
    name: "a snapshot makes sandboxes until it is deleted, also without its own",
    needs: ["fork"],
    run: async (_sandbox, connection) => {
      const source = await Sandbox.create({ ...connection, timeoutMs: 60_000 });
      await source.runCode("x = 41\nopen('file', 'w').write('there')");
      const { snapshotId } = await source.createSnapshot();
      try {
        const listed = await source.listSnapshots().nextItems();
        assert.deepEqual(listed.map((each) => each.snapshotId), [snapshotId]);
        await source.kill();
        const made = await Sandbox.create(snapshotId, { ...connection, timeoutMs: 60_000 });
        assert.equal((await made.runCode("x + 1, open('file').read()")).text, "(42, 'there')");
        await made.kill();
      } finally {
        assert.equal(await Sandbox.deleteSnapshot(snapshotId, connection), true);
      }
      assert.equal(await Sandbox.deleteSnapshot(snapshotId, connection), false);
    },
  },
];
