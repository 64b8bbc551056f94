/** Who may connect, and what a session is: a conversation of its own, as long as the agent keeps it. */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
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
  const conversation = `mcp session ${one.sessionId}`;
  await one.call("run_code", { code: "x = 1" });
  await one.call("branch", { path: "b" });
  assert.equal(textOf(await other.call("run_code", { code: "'x' in globals()" })), "False");
  assert.equal(await active(conversation), 2);
  await one.endSession();
  assert.equal(await active(conversation), 0);
  assert.equal(await active(`mcp session ${other.sessionId}`), 1);
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

Deno.test("without sessions all agents of a user work in one conversation, and each user in another", async () => {
  const tenant = crypto.randomUUID();
  const headers = await signedIn(await user(local.stack, tenant));
  await using one = await of2026(mcpUrl(local.stack), headers);
  await using other = await of2026(mcpUrl(local.stack), headers);
  assert.equal(one.version, "2026-07-28");
  assert.equal(one.sessionId, undefined);
  await one.call("run_code", { code: "x = 41" });
  assert.equal(textOf(await other.call("run_code", { code: "x + 1" })), "42");
  await using colleague = await of2026(mcpUrl(local.stack), await signedIn(await user(local.stack, tenant)));
  assert.match(textOf(await colleague.call("run_code", { code: "x" })), /NameError/);
});

Deno.test("an agent that comes back to its session, and counts its requests anew, has each of them run", async () => {
  const headers = await signedIn(await user(local.stack));
  await using agent = await of2025(mcpUrl(local.stack), headers);
  await agent.call("run_code", { code: "n = 0" });
  const transport = new StreamableHTTPClientTransport(mcpUrl(local.stack), {
    requestInit: { headers },
    sessionId: agent.sessionId,
  });
  const again = new Client({ name: "an agent", version: "1" });
  await again.connect(transport);
  for (const expected of ["1", "2", "3", "4"]) {
    const { content } = await again.callTool({ name: "run_code", arguments: { code: "n += 1\nn" } });
    assert.deepEqual(content, [{ type: "text", text: expected }]);
  }
  await again.close();
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
  // Its answers would be held together.
  assert.equal((await send(url, { method: "POST", body: `[${ping}, ${ping}]` })).status, 400);
  for (const session of ["", "a b", "é", "x".repeat(201)]) {
    const refused = await send(url, { method: "POST", body: ping, headers: { ...headers, "Mcp-Session-Id": session } });
    assert.deepEqual([refused.status, /invalid_request/.test(refused.text)], [400, true], session);
  }
});

Deno.test("a session begins with an initialize that is understood", async () => {
  const headers = { ...await signedIn(await user(local.stack)), "Content-Type": "application/json" };
  const send = async (init: RequestInit) => {
    const response = await fetch(mcpUrl(local.stack), { method: "POST", ...init });
    await response.body?.cancel();
    return [response.status, response.headers.has("mcp-session-id")];
  };
  const initialize = { jsonrpc: "2.0", id: 1, method: "initialize" };
  // It must accept JSON and streams.
  const lazy = { headers: { ...headers, Accept: "text/html" }, body: JSON.stringify(initialize) };
  assert.deepEqual(await send(lazy), [406, false]);
  const { id: _id, ...nameless } = initialize;
  assert.equal((await send({ headers, body: JSON.stringify(nameless) }))[1], false);
});
