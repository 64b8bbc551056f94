import assert from "node:assert/strict";
import { CommandExitError } from "e2b";
import type { Case } from "./case.ts";

export const COMMANDS: readonly Case[] = [
  {
    name: "a command sees files and variables, and tells how it ended",
    run: async ({ commands, files }) => {
      await files.write("numbers", "1\n2\n3\n");
      const { stdout, stderr, exitCode } = await commands.run('wc -l < numbers; echo "$WORD" >&2', {
        envs: { WORD: "said" },
      });
      assert.deepEqual([stdout.trim(), stderr, exitCode], ["3", "said\n", 0]);
      await assert.rejects(
        commands.run("exit 3"),
        (error) => error instanceof CommandExitError && error.exitCode === 3,
      );
      await commands.run("mkdir -p made && echo text > made/file", { cwd: "/home/user" });
      assert.equal(await files.read("made/file"), "text\n");
    },
  },
  {
    name: "a command in the background streams, hears, and is killed",
    needs: ["real programs"],
    run: async ({ commands }) => {
      const said = Promise.withResolvers<void>();
      const echo = await commands.run("cat", {
        background: true,
        stdin: true,
        onStdout: (text) => {
          if (text === "hello\n") said.resolve();
        },
      });
      await commands.sendStdin(echo.pid, "hello\n");
      await said.promise;
      assert((await commands.list()).some(({ pid }) => pid === echo.pid));
      assert.equal(await commands.kill(echo.pid), true);
      await assert.rejects(echo.wait());
      assert.equal(await commands.kill(echo.pid), false);
    },
  },
  {
    name: "cells, commands and clients share one file system while they run",
    needs: ["real programs"],
    run: async (sandbox) => {
      const running = sandbox.runCode(
        "import os, time\nopen('begun', 'w').close()\nwhile not os.path.exists('go'): time.sleep(0.01)\n'gone'",
      );
      while (!await sandbox.files.exists("begun")) await new Promise((resolve) => setTimeout(resolve, 10));
      await sandbox.commands.run("touch go");
      assert.equal((await running).text, "gone");
    },
  },
];
