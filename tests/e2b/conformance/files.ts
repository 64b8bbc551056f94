import assert from "node:assert/strict";
import { FileNotFoundError, type FilesystemEvent } from "e2b";
import type { Case } from "./case.ts";

export const FILES: readonly Case[] = [
  {
    name: "what code writes is read by clients, and the other way round",
    run: async (sandbox) => {
      await sandbox.files.write("in/data.csv", "a,b\n1,2\n");
      const { text } = await sandbox.runCode(
        "open('out.txt', 'w').write('from the cell')\nopen('in/data.csv').readline()",
      );
      assert.equal(text, "a,b\\n");
      assert.equal(await sandbox.files.read("out.txt"), "from the cell");
    },
  },
  {
    name: "folders are made, listed, renamed and removed",
    run: async ({ files }) => {
      assert.equal(await files.makeDir("one/two"), true);
      assert.equal(await files.makeDir("one/two"), false);
      await files.write("one/two/file", "12345");
      const names = (await files.list("one", { depth: 2 })).map(({ path }) => path);
      assert.deepEqual(names, ["/home/user/one/two", "/home/user/one/two/file"]);
      await files.rename("one/two/file", "one/moved");
      const { size, type, owner } = await files.getInfo("one/moved");
      assert.deepEqual([size, type, owner], [5, "file", "user"]);
      await files.remove("one");
      assert.equal(await files.exists("one/moved"), false);
      await assert.rejects(files.read("one/moved"), FileNotFoundError);
    },
  },
  {
    name: "metadata stays with its file",
    run: async ({ files }) => {
      await files.write("noted", "", { metadata: { author: "me" } });
      await files.rename("noted", "renamed");
      assert.deepEqual((await files.getInfo("renamed")).metadata, { author: "me" });
    },
  },
  {
    name: "a watched folder tells what changes in it",
    run: async ({ files }) => {
      await files.makeDir("watched/below");
      const written = Promise.withResolvers<FilesystemEvent>();
      const handle = await files.watchDir("watched", (event) => {
        if (event.name === "below/new") written.resolve(event);
      }, { recursive: true });
      await files.write("watched/below/new", "1");
      await written.promise;
      await handle.stop();
    },
  },
];
