/** What the sandbox provider saw: tests count there, not only in our rows. */
import assert from "node:assert/strict";
import type { SandboxRecord } from "../../local/e2b/server.ts";
import type { Stack } from "../../local/stack.ts";

/** The sandboxes that were ever created for a context, dead ones included. */
export function createdFor(stack: Stack, contextId: string): SandboxRecord[] {
  return created(stack).filter((sandbox) => sandbox.metadata.context_id === contextId);
}

/** Every sandbox that was ever created at the stack's provider. */
export function created(stack: Stack): readonly SandboxRecord[] {
  assert(stack.e2b.server, "this stack uses somebody else's sandbox server");
  return stack.e2b.server.sandboxes();
}

/** The sandboxes that live. */
export function alive(stack: Stack): SandboxRecord[] {
  return created(stack).filter((sandbox) => sandbox.ended === null);
}
