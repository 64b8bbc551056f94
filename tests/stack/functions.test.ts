import assert from "node:assert/strict";
import type { FunctionProcess } from "../../local/functions/functions.ts";
import type { Stack } from "../../local/stack.ts";
import { client, startFixture } from "./fixture.ts";

function call(stack: Stack, path: string, init?: RequestInit): Promise<Response> {
  return fetch(`${stack.apiUrl}/functions/v1${path}`, init);
}

async function answeringPid(stack: Stack): Promise<number> {
  return (await (await call(stack, "/echo", { method: "POST", body: "{}" })).json()).pid;
}

function processes(stack: Stack): [FunctionProcess, FunctionProcess] {
  const [first, second, ...more] = stack.functions.processes;
  assert(first !== undefined && second !== undefined && more.length === 0);
  return [first, second];
}

Deno.test("calls reach the functions as on the platform", async (t) => {
  const log: string[] = [];
  await using stack = await startFixture({
    env: { GREETING: "hello" },
    onLog: (line) => log.push(line),
  });

  await t.step("under their own path, with the caller's headers and no connection's", async () => {
    const response = await call(stack, "/echo/deeper?x=1", {
      method: "PUT",
      headers: { authorization: "Bearer abc", "x-client-info": "test", connection: "x-hop", "x-hop": "1" },
      body: "four",
    });
    const { method, path, headers, body_length } = await response.json();
    assert.deepEqual({ method, path, body_length }, { method: "PUT", path: "/echo/deeper?x=1", body_length: 4 });
    assert.equal(headers.authorization, "Bearer abc");
    assert.equal(headers["x-client-info"], "test");
    assert.equal(headers["content-length"], "4");
  });

  await t.step("with the platform's environment and what was added, and nothing of this process", async () => {
    const { environment } = await (await call(stack, "/echo")).json();
    assert.equal(environment.SUPABASE_URL, stack.apiUrl);
    assert.equal(environment.SUPABASE_DB_URL, stack.databaseUrl);
    assert.deepEqual(JSON.parse(environment.SUPABASE_SECRET_KEYS), { default: stack.secretKey });
    assert.deepEqual(JSON.parse(environment.SUPABASE_PUBLISHABLE_KEYS), { default: stack.publishableKey });
    assert.deepEqual(JSON.parse(environment.SUPABASE_JWKS), stack.auth.jwks);
    assert.equal(environment.E2B_API_URL, "http://127.0.0.1:9");
    assert.equal(environment.GREETING, "hello");
    const known = ["DENO_DIR", "HOME", "NO_COLOR", "PATH", "XDG_CACHE_HOME"];
    const inherited = Object.keys(Deno.env.toObject()).filter((name) => !known.includes(name) && name in environment);
    assert.deepEqual(inherited, []);
  });

  await t.step("from supabase-js", async () => {
    const { data, error } = await client(stack, stack.publishableKey).functions.invoke("echo", { body: { a: 1 } });
    assert.equal(error, null);
    assert.equal(data.headers.apikey, stack.publishableKey);
  });

  await t.step("their own answer to OPTIONS comes back", async () => {
    const response = await call(stack, "/echo", { method: "OPTIONS" });
    assert.equal(response.headers.get("access-control-allow-origin"), "echo");
  });

  await t.step("a long body of unknown length arrives whole", async () => {
    const chunks = Array.from({ length: 48 }, () => new Uint8Array(65536));
    const response = await call(stack, "/echo", { method: "POST", body: ReadableStream.from(chunks) });
    assert.equal((await response.json()).body_length, 48 * 65536);
  });

  await t.step("a stream arrives while it goes on, and ends there when the client goes away", async () => {
    const leaving = new AbortController();
    const response = await call(stack, "/events", { signal: leaving.signal });
    const first = await response.body?.getReader().read();
    assert.equal(new TextDecoder().decode(first?.value), "data: first\n\n");
    leaving.abort();
    assert.equal(await (await call(stack, "/events/closed")).text(), "closed");
  });

  await t.step("an unknown function is not found", async () => {
    for (const path of ["/nope", "/_shared"]) {
      const response = await call(stack, path);
      await response.body?.cancel();
      assert.equal(response.status, 404);
      assert.equal(response.headers.get("sb-error-code"), "NOT_FOUND");
    }
  });

  await t.step("one that throws is an error of the platform, and is logged", async () => {
    const response = await call(stack, "/fails");
    await response.body?.cancel();
    assert.equal(response.status, 500);
    assert.equal(response.headers.get("sb-error-code"), "WORKER_ERROR");
    assert(log.some((line) => line.includes("failed in the handler")));
  });

  await t.step("a background task that fails is logged, and nothing else comes of it", async () => {
    assert.equal(await (await call(stack, "/fails/later")).text(), "answered");
    assert.equal((await call(stack, "/echo")).status, 200);
    assert(log.some((line) => line.includes("failed in the background")));
  });

  await t.step("one that ends its process fails that call and leaves none to answer the next", async () => {
    const [process] = stack.functions.processes;
    const during = await call(stack, "/fails/exit", { method: "POST", body: "{}" });
    assert.equal(during.status, 500);
    assert.equal((await during.json()).code, "WORKER_ERROR");
    await process?.restart();
    assert.equal(await answeringPid(stack), process?.pid);
  });
});

Deno.test("a call whose process crashes is not run again, by the same process or another", async () => {
  await using stack = await startFixture({ functions: 2 });
  // The connections are in use already: that is when `fetch` itself would send a request again.
  for (let n = 0; n < 4; n++) await answeringPid(stack);
  for (const body of ["{}", null]) {
    const response = await call(stack, "/fails/exit", { method: "POST", body });
    await response.body?.cancel();
    assert.equal(response.status, 500);
    await Promise.race(processes(stack).map((process) => process.exited));
    const [survivor, ...more] = processes(stack).filter(({ url }) => url !== null);
    assert.equal(more.length, 0);
    assert.equal(await answeringPid(stack), survivor?.pid);
    for (const process of processes(stack)) await process.restart();
    for (let n = 0; n < 4; n++) await answeringPid(stack);
  }
});

Deno.test("calls go round the processes, and past one that is down", async () => {
  await using stack = await startFixture({ functions: 2 });
  const [first, second] = processes(stack);
  const pids = [await answeringPid(stack), await answeringPid(stack)];
  assert.deepEqual(new Set(pids), new Set([first.pid, second.pid]));

  await first.kill();
  assert.equal(first.url, null);
  for (let n = 0; n < 3; n++) assert.equal(await answeringPid(stack), second.pid);

  await second.kill();
  const nobody = await call(stack, "/echo", { method: "POST", body: "{}" });
  assert.equal(nobody.status, 503);
  assert.equal(nobody.headers.get("sb-error-code"), "BOOT_ERROR");
  await nobody.body?.cancel();

  const killed = first.pid;
  await first.restart();
  assert.notEqual(first.pid, killed);
  assert.equal(await answeringPid(stack), first.pid);
});
