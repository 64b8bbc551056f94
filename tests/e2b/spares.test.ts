/** Kernels that are started before somebody needs them. */
import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { KERNELS } from "../../local/e2b/choose_kernel.ts";
import { Spares } from "../../local/e2b/machine/spares.ts";
import { needing } from "../support/needs.ts";
import { eventually } from "../support/settle.ts";
import { onServer } from "./local_server.ts";

const native = await needing("the native kernel");

for (const kernel of KERNELS) {
  const define = kernel === "native" ? native.test : (name: string, fn: () => Promise<void>) => Deno.test(name, fn);
  define(
    `${kernel}: a sandbox that got a spare is as new as one that did not`,
    () =>
      onServer({ kernel, spares: 1 }, async (connection) => {
        // With more sandboxes at once than spares, some get one and some do not.
        const sandboxes = await Promise.all(
          [1, 2, 3].map((number) => Sandbox.create({ ...connection, envs: { NUMBER: String(number) } })),
        );
        await Promise.all(sandboxes.map((sandbox, index) => sandbox.files.write("number", String(index + 1))));
        const code = "import os, random\n'x' in globals(), os.environ['NUMBER'], open('number').read(), " +
          "os.environ['E2B_SANDBOX_ID'], os.getcwd()";
        const seen = await Promise.all(sandboxes.map((sandbox) => sandbox.runCode(code)));
        assert.deepEqual(
          seen.map(({ text, executionCount }) => [text?.replaceAll(/\s+/g, " "), executionCount]),
          sandboxes.map(({ sandboxId }, index) => [
            `(False, '${index + 1}', '${index + 1}', '${sandboxId}', '/home/user')`,
            1,
          ]),
        );
        await Promise.all(sandboxes.map((sandbox) => sandbox.kill()));
      }),
  );
}

Deno.test("what was taken is replaced, and what waits in the end is handed back", async () => {
  let started = 0;
  const spares = new Spares(2, () => Promise.resolve(++started), () => true);
  assert.deepEqual([await spares.take(), await spares.take()], [1, 2]);
  await eventually("others are started", () => started === 4);
  assert.deepEqual(await spares.stop(), [3, 4]);
  assert.equal(await spares.take(), undefined);
});

Deno.test("one that could not start, or has ended, is none", async () => {
  const failing = new Spares(1, () => Promise.reject(new Error("no")), () => true);
  assert.equal(await failing.take(), undefined);
  assert.deepEqual(await failing.stop(), []);
  const ended = new Spares(1, () => Promise.resolve("ended"), () => false);
  assert.equal(await ended.take(), undefined);
  await ended.stop();
});
