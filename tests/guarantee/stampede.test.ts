/** A hundred callers through four processes: one sandbox a path, and no error. `deno task stampede` does it a hundred times. */
import assert from "node:assert/strict";
import { useStack } from "../support/stack.ts";
import { onLostSandbox, onNewPath, onOwnPaths } from "./stampede/stampede.ts";

const local = useStack({ functions: 4, env: { TENANT_QUOTA: "1000", TENANT_CREATES_PER_MINUTE: "1000" } });

Deno.test("100 callers on a new path: one create, one context, no error", async () => {
  assert.deepEqual(await onNewPath(local.stack, 100), { creates: 1, ok: 100, contexts: 1 });
});

Deno.test("100 callers on 100 new paths: a hundred creates, no error", async () => {
  assert.deepEqual(await onOwnPaths(local.stack, 100), { creates: 100, ok: 100, contexts: 100 });
});

Deno.test("100 callers on a path whose sandbox was just killed behind our back: one create, no error", async () => {
  assert.deepEqual(await onLostSandbox(local.stack, 100), { creates: 1, ok: 100, contexts: 1 });
});
