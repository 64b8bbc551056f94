/** What the sandbox provider saw: tests count there, not only in our rows. */
import assert from "node:assert/strict";
import type { E2BServer, SandboxRecord } from "../../local/e2b/server.ts";
import type { Stack } from "../../local/stack.ts";

/** The sandboxes that were ever created for a context, dead ones included. */
export function createdFor(source: Stack | E2BServer, contextId: string): SandboxRecord[] {
  return created(source).filter((sandbox) => sandbox.metadata.context_id === contextId);
}

/** Every sandbox that was ever created at the provider. */
export function created(source: Stack | E2BServer): readonly SandboxRecord[] {
  return ("sandboxes" in source ? source : providerOf(source)).sandboxes();
}

/** The sandboxes that live, awake or paused. */
export function alive(source: Stack | E2BServer): SandboxRecord[] {
  return created(source).filter((sandbox) => sandbox.ended === null);
}

/** Those of them that run, and are billed for. */
export function awake(source: Stack | E2BServer): SandboxRecord[] {
  return created(source).filter((sandbox) => sandbox.state === "running");
}

/** The stack's own sandbox server. */
export function providerOf(stack: Stack): E2BServer {
  assert(stack.e2b.server, "this stack uses somebody else's sandbox server");
  return stack.e2b.server;
}

/** Kills a context's sandbox at the provider, behind our functions' back. */
export async function killBehindOurBack(provider: E2BServer, contextId: string): Promise<void> {
  const [{ sandboxId }] = createdFor(provider, contextId);
  const answer = await fetch(`${provider.url}/sandboxes/${sandboxId}`, {
    method: "DELETE",
    headers: { "X-API-KEY": provider.apiKey },
  });
  assert.equal(answer.status, 204);
}

/** Has the provider pause a sandbox, as it does by itself at the deadline of one that may sleep. */
export async function pauseAt(provider: E2BServer, sandboxId: string): Promise<void> {
  const answer = await fetch(`${provider.url}/sandboxes/${sandboxId}/pause`, {
    method: "POST",
    headers: { "X-API-KEY": provider.apiKey, "Content-Type": "application/json" },
    body: "{}",
  });
  assert.equal(answer.status, 204);
}
