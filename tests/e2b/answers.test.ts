/** What the local sandbox server says of what it has not: in words, and never by the 404 that means a lost sandbox. */
import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { Sandbox as PlainSandbox, SandboxError, SandboxNotFoundError, Secret, Template, Volume } from "e2b";
import type { E2BServer } from "../../local/e2b/server.ts";
import { type Connection, e2bTest, toSandbox, useSandbox } from "./local_server.ts";

const shared = useSandbox();

/** A request to the control plane, without an SDK in between. */
function toApi({ url, apiKey }: E2BServer, method: string, path: string, body?: unknown): Promise<Response> {
  return fetch(url + path, {
    method,
    headers: { "X-API-KEY": apiKey },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}

async function tokenOf(connection: Connection, sandboxId: string): Promise<Record<string, string>> {
  const response = await fetch(`${connection.apiUrl}/v2/sandboxes/${sandboxId}/connect`, {
    method: "POST",
    headers: { "X-API-KEY": connection.apiKey },
  });
  return { "X-Access-Token": (await response.json()).envdAccessToken };
}

Deno.test("what the SDK can ask for and is not there is refused with the reason", async () => {
  const { connection, sandbox } = shared;
  const id = sandbox.sandboxId;
  const calls: Record<string, () => Promise<unknown>> = {
    network: () => PlainSandbox.updateNetwork(id, { denyOut: ["8.8.8.8"] }, connection),
    metrics: () => PlainSandbox.getMetrics(id, connection),
    volume: () => Volume.create("data", connection),
    volumes: () => Volume.list(connection),
    secrets: () => Secret.list(connection).nextItems(),
    template: () => Template.exists("mine", connection),
    build: () => Template.build(Template().fromImage("debian"), "mine", connection),
  };
  for (const [name, call] of Object.entries(calls)) {
    await assert.rejects(
      call,
      (error) => error instanceof Error && /501.* is not supported by the local sandbox server: \w/.test(error.message),
      name,
    );
  }
});

Deno.test("of a sandbox that is not there that is said first", async () => {
  const { connection } = shared;
  await assert.rejects(PlainSandbox.getMetrics("gone", connection), SandboxNotFoundError);
  await assert.rejects(PlainSandbox.updateNetwork("gone", {}, connection), SandboxNotFoundError);
});

Deno.test("no path that is not there is a 404", async () => {
  const { connection, server, sandbox } = shared;
  const id = sandbox.sandboxId;
  const api = [
    ["GET", "/nowhere"],
    ["PATCH", `/sandboxes/${id}`],
    ["GET", "/sandboxes"],
    ["GET", "/sandboxes/metrics"],
    ["GET", `/sandboxes/${id}/logs`],
    ["GET", `/v2/sandboxes/${id}/logs`],
    ["POST", `/sandboxes/${id}/refreshes`],
    ["POST", `/sandboxes/${id}/nothing`],
    ["GET", "/templates"],
    ["PATCH", "/v2/templates/mine"],
    ["GET", "/teams"],
    ["GET", "/volumecontent/data/dir"],
  ] as const;
  for (const [method, path] of api) {
    const response = await toApi(server, method, path);
    const { code, message } = await response.json();
    assert.deepEqual([response.status, code], [501, 501], path);
    assert.match(message, /not supported/);
  }
  const headers = await tokenOf(connection, id);
  for (const [port, path] of [[49983, "/metrics"], [49983, "/envs"], [49999, "/nothing"], [8888, "/api/sessions"]]) {
    const response = await toSandbox(server, id, String(path), { port: Number(port), headers });
    assert.equal(response.status, 501, String(path));
    assert.match(await response.text(), /not supported/);
  }
});

Deno.test("a procedure that is not there says so in the form that its caller reads", async () => {
  const { connection, server, sandbox } = shared;
  const token = await tokenOf(connection, sandbox.sandboxId);
  const unary = await toSandbox(server, sandbox.sandboxId, "/nothing.Nothing/Do", {
    port: 49983,
    headers: token,
    body: {},
  });
  assert.equal(unary.status, 501);
  assert.deepEqual(await unary.json(), {
    code: "unimplemented",
    message: "nothing.Nothing/Do is not supported by the local sandbox",
  });
  const streaming = await toSandbox(server, sandbox.sandboxId, "/nothing.Nothing/Stream", {
    port: 49983,
    headers: { ...token, "Content-Type": "application/connect+json" },
    body: {},
  });
  assert.deepEqual([streaming.status, streaming.headers.get("content-type")], [200, "application/connect+json"]);
  const frame = await streaming.bytes();
  assert.equal(frame[0], 2);
  assert.equal(JSON.parse(new TextDecoder().decode(frame.subarray(5))).error.code, "unimplemented");
  await assert.rejects(
    sandbox.pty.create({ cols: 80, rows: 24, onData: () => {} }),
    (error) => error instanceof SandboxError && /\[unimplemented\] /.test(error.message),
  );
});

e2bTest("a template that is not there is refused, with those that are", async (connection, server) => {
  await assert.rejects(
    Sandbox.create("theirs", connection),
    (error) => error instanceof SandboxError && /^404: template 'theirs' not found: .* base, mine;/.test(error.message),
  );
  assert.equal(server.sandboxes().length, 0);
  for (const template of ["base", "mine"]) await Sandbox.create(template, connection);
  assert.deepEqual(server.sandboxes().map(({ templateId }) => templateId), ["base", "mine"]);
}, { templates: ["base", "mine"] });

Deno.test("a sandbox is not made when something that it was to have would be missing", async () => {
  const { connection, server } = shared;
  const before = server.sandboxes().length;
  const refused = async (status: number, field: string, wish: Record<string, unknown>, path = "/v2/sandboxes") => {
    const response = await toApi(server, "POST", path, { templateID: "base", ...wish });
    const { message } = await response.json();
    assert.equal(response.status, status, `${field}: ${message}`);
    assert(message.includes(field), message);
  };
  await refused(501, "mcp", { mcp: { browserbase: {} } });
  await refused(501, "iam", { iam: { tokens: { a: { audience: "b", tokenType: "JWT-SVID" } } } });
  await refused(501, "volumeMounts", { volumeMounts: [{ name: "data", path: "/data" }] });
  await refused(501, "network.egressProxy", { network: { egressProxy: { address: "proxy:1080" } } });
  await refused(501, "network.rules", { network: { rules: { "a.com": [{ transform: { headers: { a: "b" } } }] } } });
  await refused(501, "network.maskRequestHost", { network: { maskRequestHost: "localhost" } });
  await refused(501, "network.httpsPorts", { network: { httpsPorts: [8443] } });
  await refused(400, "allowOut", { network: { allowOut: ["pypi.org"] } });
  await refused(400, "denyOut", { network: { denyOut: ["pypi.org"] } });
  await refused(400, "autoPauseMemory", { autoPauseMemory: false });
  await refused(501, "autoPauseMemory", { autoPause: true, autoPauseMemory: false });
  await refused(400, "autoResume", { autoPause: true, autoPauseMemory: false, autoResume: { enabled: true } });
  await refused(400, "secure", { secure: false });
  await refused(400, "network.allowPublicTraffic", { network: { allowPublicTraffic: false } }, "/sandboxes");
  await refused(400, "wings", { wings: 2 });
  await assert.rejects(
    PlainSandbox.create({ ...connection, network: { egressProxy: { address: "proxy:1080" } } }),
    /501: network.egressProxy is not supported by the local sandbox server: a local sandbox has no network/,
  );
  assert.equal(server.sandboxes().length, before);
});

Deno.test("what changes nothing is not refused", async () => {
  const { server } = shared;
  const response = await toApi(server, "POST", "/v2/sandboxes", {
    templateID: "base",
    mcp: {},
    volumeMounts: [],
    metadata: null,
    network: { rules: {}, egressProxy: null, allowOut: ["10.0.0.0/8", "::1"] },
  });
  assert.equal(response.status, 201);
  await response.body?.cancel();
});

Deno.test("languages are trimmed and in any case; one without a kernel is an error of the execution", async () => {
  const { sandbox } = shared;
  assert.equal((await sandbox.runCode("40 + 2", { language: " JS\n" })).text, "42");
  assert.equal((await sandbox.runCode("40 + 2", { language: "Python" })).text, "42");
  const { error, results } = await sandbox.runCode("1", { language: "Cobol" });
  assert.deepEqual(results, []);
  assert.deepEqual([error?.name, error?.traceback], ["UnsupportedLanguage", ""]);
  assert.match(error?.value ?? "", /'cobol': this sandbox has python, javascript, typescript/);
});

Deno.test("a context in a language without a kernel is refused with the same words", async () => {
  const { server, sandbox } = shared;
  const body = { language: "cobol" };
  const response = await toSandbox(server, sandbox.sandboxId, "/contexts", { body });
  assert.equal(response.status, 501);
  assert.match(await response.text(), /^No kernel for language 'cobol': this sandbox has python/);
});

e2bTest("Python and JavaScript have contexts from the start", async (connection, server) => {
  const sandbox = await Sandbox.create(connection);
  const languages = async () => (await sandbox.listCodeContexts()).map(({ language }) => language);
  assert.deepEqual(await languages(), ["python", "javascript"]);
  await sandbox.runCode("1", { language: "ts" });
  assert.deepEqual(await languages(), ["python", "javascript", "typescript"]);
  const [context] = await sandbox.listCodeContexts();
  const restarted = await toSandbox(server, sandbox.sandboxId, `/contexts/${context?.id}/restart`, { body: {} });
  assert.deepEqual([restarted.status, await restarted.json()], [200, null]);
});
