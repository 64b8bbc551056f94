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
  const answer = await ask(provider, "DELETE", `/sandboxes/${sandboxId}`);
  assert.equal(answer.status, 204);
}

/** Has the provider pause a sandbox, as it does by itself at the deadline of one that may sleep. */
export async function pauseAt(provider: E2BServer, sandboxId: string): Promise<void> {
  const answer = await ask(provider, "POST", `/sandboxes/${sandboxId}/pause`);
  assert.equal(answer.status, 204);
}

/** Has the provider do what it does at a sandbox's deadline. */
export async function endAt(provider: E2BServer, sandboxId: string): Promise<void> {
  const described = await ask(provider, "GET", `/sandboxes/${sandboxId}`);
  if (described.status === 404) return;
  const { state, lifecycle } = await described.json();
  if (state !== "running") return;
  if (lifecycle.onTimeout === "pause") await pauseAt(provider, sandboxId);
  else await ask(provider, "DELETE", `/sandboxes/${sandboxId}`);
}

async function ask(provider: E2BServer, method: string, path: string): Promise<Response> {
  const headers = { "X-API-KEY": provider.apiKey, "Content-Type": "application/json" };
  return await fetch(`${provider.url}${path}`, { method, headers, body: method === "POST" ? "{}" : undefined });
}
