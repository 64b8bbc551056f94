import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { AuthenticationError, Sandbox as PlainSandbox, SandboxNotFoundError } from "e2b";
import { startE2B } from "../../local/e2b/server.ts";
import { e2bTest, toSandbox } from "./local_server.ts";

e2bTest("a sandbox is created, runs code and is killed", async (connection, server) => {
  const sandbox = await Sandbox.create("base", { ...connection, metadata: { owner: "me" } });
  assert.equal((await sandbox.runCode("20 + 22")).text, "42");
  assert.equal(await sandbox.isRunning(), true);

  const [record] = server.sandboxes();
  assert.equal(record?.sandboxId, sandbox.sandboxId);
  assert.equal(record?.templateId, "base");
  assert.deepEqual(record?.metadata, { owner: "me" });
  assert.equal(record?.ended, null);

  assert.equal(await sandbox.kill(), true);
  assert.equal(await sandbox.kill(), false);
  assert.equal(await sandbox.isRunning(), false);
  assert.equal(server.sandboxes()[0]?.ended?.by, "kill");
});

e2bTest("connect finds a running sandbox and only ever extends its life", async (connection, server) => {
  const endAt = () => server.sandboxes()[0]?.endAt.getTime() ?? 0;
  const isSet = async <T>(milliseconds: number, act: () => Promise<T>) => {
    const before = Date.now();
    const done = await act();
    assert(before + milliseconds <= endAt() && endAt() <= Date.now() + milliseconds);
    return done;
  };
  const { sandboxId } = await isSet(100_000, () => Sandbox.create({ ...connection, timeoutMs: 100_000 }));

  const first = endAt();
  const same = await Sandbox.connect(sandboxId, { ...connection, timeoutMs: 10_000 });
  assert.equal(same.sandboxId, sandboxId);
  assert.equal(endAt(), first);
  await isSet(200_000, () => Sandbox.connect(sandboxId, { ...connection, timeoutMs: 200_000 }));
  await isSet(50_000, () => same.setTimeout(50_000));

  await same.kill();
  await assert.rejects(Sandbox.connect(sandboxId, connection), SandboxNotFoundError);
  await assert.rejects(PlainSandbox.getInfo(sandboxId, connection), SandboxNotFoundError);
  await assert.rejects(same.setTimeout(1000), SandboxNotFoundError);
});

e2bTest("an omitted timeout is 15 s in version 1 and 300 s in version 2", async (connection, server) => {
  for (const path of ["/sandboxes", "/v2/sandboxes"]) {
    const response = await fetch(server.url + path, {
      method: "POST",
      headers: { "X-API-KEY": connection.apiKey },
      body: JSON.stringify({ templateID: "base" }),
    });
    assert.equal(response.status, 201);
    const { domain, trafficAccessToken, envdVersion } = await response.json();
    assert.deepEqual({ domain, trafficAccessToken, envdVersion }, {
      domain: null,
      trafficAccessToken: null,
      envdVersion: "0.6.4",
    });
  }
  const lives = server.sandboxes().map(({ startedAt, endAt }) =>
    Math.round((endAt.getTime() - startedAt.getTime()) / 1000)
  );
  assert.deepEqual(lives, [15, 300]);
});

e2bTest("a sandbox that times out breaks the execution in it", async (connection, server) => {
  const sandbox = await Sandbox.create(connection);
  const { promise: started, resolve: onStdout } = Promise.withResolvers<unknown>();
  const run = sandbox.runCode("print('started')\nimport time; time.sleep(60)", { onStdout });
  const killed = assert.rejects(run, /sandbox was killed/);
  await started;
  await sandbox.setTimeout(0);
  await killed;
  assert.equal(server.sandboxes()[0]?.ended?.by, "timeout");
  assert.equal(await sandbox.isRunning(), false);
});

e2bTest("list filters by metadata, pages and orders", async (connection) => {
  const mark = { "key & key": "ä=b c/%" };
  const ids: string[] = [];
  const all: Record<string, string>[] = [mark, { ...mark, more: "1" }, { other: "x" }, mark];
  for (const metadata of all) {
    ids.push((await Sandbox.create({ ...connection, metadata })).sandboxId);
  }
  const collect = async (options: Parameters<typeof Sandbox.list>[0]) => {
    const pages = Sandbox.list({ ...connection, ...options });
    const found: string[][] = [];
    while (pages.hasNext) found.push((await pages.nextItems()).map((item) => item.sandboxId));
    return found;
  };
  const [first, second, third, fourth] = ids;
  assert.deepEqual(await collect({ query: { metadata: mark } }), [[fourth, second, first]]);
  assert.deepEqual(await collect({ query: { metadata: { ...mark, more: "1" } } }), [[second]]);
  assert.deepEqual(await collect({ query: { metadata: { none: "1" } } }), [[]]);
  assert.deepEqual(await collect({ query: { state: ["paused"] } }), [[]]);
  assert.deepEqual(await collect({ query: { startedAfter: new Date(Date.now() + 60_000) } }), [[]]);
  assert.deepEqual(await collect({ limit: 3 }), [[fourth, third, second], [first]]);
  assert.deepEqual(await collect({ limit: 3, order: "asc" }), [[first, second, third], [fourth]]);

  await PlainSandbox.kill(fourth ?? "", connection);
  assert.deepEqual(await collect({ query: { metadata: mark } }), [[second, first]]);
});

e2bTest("what a sandbox was made with is told of it", async (connection) => {
  const sandbox = await Sandbox.create({
    ...connection,
    allowInternetAccess: true,
    network: { allowOut: ["pypi.org"], denyOut: ["0.0.0.0/0"], allowPublicTraffic: false },
    lifecycle: { onTimeout: "pause", autoResume: true },
  });
  const info = await sandbox.getInfo();
  assert.deepEqual(info.lifecycle, { onTimeout: "pause", autoResume: true });
  assert.equal(info.allowInternetAccess, true);
  assert.deepEqual([info.network?.allowOut, info.network?.denyOut], [["pypi.org"], ["0.0.0.0/0"]]);
  assert.equal(info.network?.allowPublicTraffic, false);
  assert.deepEqual([info.state, info.envdVersion, info.name], ["running", "0.6.4", "code-interpreter-v1"]);
  assert.deepEqual([info.cpuCount, info.memoryMB, info.volumeMounts], [1, 1024, []]);

  const plain = await (await Sandbox.create(connection)).getInfo();
  assert.deepEqual(plain.lifecycle, { onTimeout: "kill", autoResume: false });
  assert.equal(plain.allowInternetAccess, undefined);
  const offline = await (await Sandbox.create({ ...connection, allowInternetAccess: false })).getInfo();
  assert.deepEqual([offline.allowInternetAccess, offline.network?.denyOut], [false, ["0.0.0.0/0"]]);
});

e2bTest("a sandbox that is not secured needs no token", async (connection, server) => {
  const made = await fetch(`${server.url}/sandboxes`, {
    method: "POST",
    headers: { "X-API-KEY": connection.apiKey },
    body: JSON.stringify({ templateID: "base", secure: false }),
  });
  const { sandboxID, envdAccessToken } = await made.json();
  assert.deepEqual([made.status, envdAccessToken], [201, undefined]);
  const sandbox = await Sandbox.connect(sandboxID, connection);
  await sandbox.files.write("a", "open");
  assert.equal(await sandbox.files.read("a"), "open");
  assert.equal((await sandbox.runCode("open('a').read()")).text, "open");
  await assert.rejects(sandbox.downloadUrl("a", { useSignatureExpiration: 60 }), /secured/);

  const url = await sandbox.downloadUrl("a");
  assert.equal(await (await fetch(url)).text(), "open");
  await (await fetch(`${server.url}/sandboxes`, {
    method: "POST",
    headers: { "X-API-KEY": connection.apiKey },
    body: JSON.stringify({ templateID: "base" }),
  })).body?.cancel();
  const ambiguous = await fetch(url);
  assert.equal(ambiguous.status, 400);
  assert.match((await ambiguous.json()).message, /several unsecured sandboxes/);
});

e2bTest("a wrong API key is refused", async (connection) => {
  const stranger = { ...connection, apiKey: "e2b_0000" };
  await assert.rejects(Sandbox.create(stranger), AuthenticationError);
  await assert.rejects(Sandbox.kill("any", stranger), AuthenticationError);
});

e2bTest("without public traffic, code runs only for holders of the token", async (connection, server) => {
  const sandbox = await Sandbox.create({ ...connection, network: { allowPublicTraffic: false } });
  const token = sandbox.trafficAccessToken ?? "";
  assert.match(token, /^[0-9a-f]{64}$/);
  const again = await Sandbox.connect(sandbox.sandboxId, connection);
  assert.equal(again.trafficAccessToken, token);
  assert.equal((await again.runCode("1")).text, "1");

  for (const headers of [undefined, { "E2B-Traffic-Access-Token": "guess" }]) {
    const refused = await toSandbox(server, sandbox.sandboxId, "/execute", { body: { code: "1" }, headers });
    assert.equal(refused.status, 403);
    await refused.body?.cancel();
  }
});

e2bTest("what is not there answers as E2B's proxy does", async (connection, server) => {
  const { sandboxId } = await Sandbox.create(connection);
  const closed = await toSandbox(server, sandboxId, "/", { port: 8080 });
  assert.equal(closed.status, 502);
  assert.deepEqual(await closed.json(), {
    sandboxId,
    message: "The sandbox is running but port is not open",
    port: 8080,
    code: 502,
  });

  await Sandbox.kill(sandboxId, connection);
  for (const port of [49983, 49999, 8080]) {
    const gone = await toSandbox(server, sandboxId, "/health", { port });
    assert.equal(gone.status, 502);
    assert.deepEqual(await gone.json(), { sandboxId, message: "The sandbox was not found", code: 502 });
  }
});

e2bTest("malformed requests are answered, not fatal", async (connection, server) => {
  const headers = { "X-API-KEY": connection.apiKey };
  const ask = async (method: string, path: string, body?: string) => {
    const response = await fetch(server.url + path, { method, headers, body });
    const { code, message } = await response.json();
    assert.equal(code, response.status);
    assert.equal(typeof message, "string");
    return response.status;
  };
  assert.equal(await ask("POST", "/v2/sandboxes", "{"), 400);
  assert.equal(await ask("POST", "/v2/sandboxes", "[]"), 400);
  assert.equal(await ask("POST", "/v2/sandboxes", JSON.stringify({ templateID: "t", timeout: -1 })), 400);
  assert.equal(await ask("POST", "/v2/sandboxes", JSON.stringify({ templateID: "t", timeout: 1e9 })), 400);
  assert.equal(await ask("POST", "/v2/sandboxes", JSON.stringify({ templateID: "x".repeat(2 ** 21) })), 400);
  assert.equal(await ask("GET", "/v2/sandboxes?limit=0"), 400);
  assert.equal(await ask("GET", "/v2/sandboxes?metadata=%25ZZ%3D1"), 400);
  assert.equal(await ask("GET", "/v2/sandboxes?startedAfter=yesterday"), 400);
  assert.equal(await ask("GET", "/v2/sandboxes?state=running,asleep"), 400);
  assert.equal(await ask("GET", "/v2/sandboxes?order=random"), 400);
  assert.equal(await ask("GET", "/v2/sandboxes?nextToken=first"), 400);
  assert.equal(server.sandboxes().length, 0);
});

Deno.test({
  name: "stop ends sandboxes and their executions, and frees the port",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    const server = await startE2B({ apiKey: "e2b_0123" });
    const connection = { apiKey: server.apiKey, apiUrl: server.url, sandboxUrl: server.url };
    const sandbox = await Sandbox.create(connection);
    const { promise: started, resolve: onStdout } = Promise.withResolvers<unknown>();
    const run = sandbox.runCode("print('started')\nwhile True: pass", { onStdout });
    run.catch(() => {});
    await started;
    await Promise.all([server.stop(), server.stop()]);
    await assert.rejects(run);
    assert.equal(server.sandboxes()[0]?.ended?.by, "shutdown");
    const port = Number(new URL(server.url).port);
    Deno.listen({ hostname: "127.0.0.1", port }).close();
  },
});
