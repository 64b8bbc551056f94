/** Who may connect, and what a session is: a conversation of its own, as long as the agent keeps it. */
import assert from "node:assert/strict";
import { invoke, newPath, user } from "../support/clients.ts";
import { useStack } from "../support/stack.ts";
import { agents, mcpUrl, signedIn, textOf } from "./agents.ts";

const local = useStack();

const of2025 = agents["an agent of 2025"];
const of2026 = agents["an agent of 2026"];

const active = async (conversation: string) =>
  (await local.sql`
    select from copilot_internal.execution_contexts
    where conversation_id = ${conversation} and terminated_at is null`).length;

Deno.test("whoever is not signed in is told where to do so", async () => {
  const url = mcpUrl(local.stack);
  const { origin } = url;
  for (const credentials of [null, "Bearer nonsense"]) {
    const headers = new Headers({ "Content-Type": "application/json" });
    if (credentials !== null) headers.set("Authorization", credentials);
    const response = await fetch(url, {
      method: "POST",
      headers,
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
    });
    assert.equal(response.status, 401);
    const [, metadata = ""] =
      /^Bearer resource_metadata="(.*)"$/.exec(response.headers.get("www-authenticate") ?? "") ??
        [];
    assert.equal((await response.json()).retryable, false);
    // No credentials are needed to learn that.
    assert.deepEqual(await (await fetch(metadata)).json(), {
      resource: `${origin}/functions/v1/mcp`,
      authorization_servers: [`${origin}/auth/v1`],
      bearer_methods_supported: ["header"],
    });
  }
});

Deno.test("an agent in a browser may send its headers, and read the session's id", async () => {
  const preflight = await fetch(mcpUrl(local.stack), {
    method: "OPTIONS",
    headers: { "Access-Control-Request-Headers": "mcp-session-id, mcp-protocol-version, authorization" },
  });
  await preflight.body?.cancel();
  const allowed = preflight.headers.get("access-control-allow-headers")?.toLowerCase().split(/, */) ?? [];
  for (const name of ["mcp-session-id", "mcp-protocol-version", "authorization"]) assert(allowed.includes(name), name);
  const told = preflight.headers.get("access-control-expose-headers") ?? "";
  assert.match(told, /Mcp-Session-Id/);
});

Deno.test("each session of 2025 is a conversation, and its end is that conversation's", async () => {
  const client = await user(local.stack);
  const headers = await signedIn(client);
  await using one = await of2025(mcpUrl(local.stack), headers);
  await using other = await of2025(mcpUrl(local.stack), headers);
  assert(one.sessionId && other.sessionId && one.sessionId !== other.sessionId);
  const conversation = `mcp-${one.sessionId}`;
  await one.call("run_code", { code: "x = 1" });
  await one.call("branch", { path: "b" });
  assert.equal(textOf(await other.call("run_code", { code: "'x' in globals()" })), "False");
  assert.equal(await active(conversation), 2);
  await one.endSession();
  assert.equal(await active(conversation), 0);
  assert.equal(await active(`mcp-${other.sessionId}`), 1);
});

Deno.test("a session's end leaves a conversation that has a name of its own", async () => {
  const client = await user(local.stack);
  const path = newPath();
  await using agent = await of2025(mcpUrl(local.stack, path), await signedIn(client));
  await agent.call("run_code", { code: "x = 41" });
  await agent.endSession();
  const { execution } = await invoke(client, "execute-code", { ...path, code: "x + 1" });
  assert.equal(execution.results[0]?.text, "42");
});

Deno.test("without sessions all agents of a user work in one conversation", async () => {
  const headers = await signedIn(await user(local.stack));
  await using one = await of2026(mcpUrl(local.stack), headers);
  await using other = await of2026(mcpUrl(local.stack), headers);
  assert.equal(one.version, "2026-07-28");
  assert.equal(one.sessionId, undefined);
  await one.call("run_code", { code: "x = 41" });
  assert.equal(textOf(await other.call("run_code", { code: "x + 1" })), "42");
  await using stranger = await of2026(mcpUrl(local.stack), await signedIn(await user(local.stack)));
  assert.match(textOf(await stranger.call("run_code", { code: "x" })), /NameError/);
});

Deno.test("what is no message, or for no conversation, is refused by name", async () => {
  const headers = { ...await signedIn(await user(local.stack)), "Content-Type": "application/json" };
  const send = async (url: URL, init: RequestInit) => {
    const response = await fetch(url, { headers, ...init });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  const url = mcpUrl(local.stack);
  const ping = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
  assert.equal((await send(url, { method: "POST", body: "no json" })).status, 400);
  assert.match((await send(url, { method: "POST", body: "no json" })).text, /invalid_request/);
  assert.match((await send(url, { method: "POST", body: `"text"` })).text, /invalid_request/);
  const unknown = await send(mcpUrl(local.stack, { conversation: "x" }), { method: "POST", body: ping });
  assert.match(unknown.text, /"field":"conversation"/);
  const get = await send(url, { method: "GET" });
  assert.equal(get.status, 405);
  assert.equal(get.headers.get("allow"), "POST, DELETE, OPTIONS");
  assert.equal((await send(url, { method: "DELETE" })).status, 405);
});
