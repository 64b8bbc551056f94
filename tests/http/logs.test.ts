/** What the functions log: one line a request, and never a token, a key, a user's code or its output. */
import assert from "node:assert/strict";
import { z } from "zod";
import { invoke, newPath, refused, user } from "../support/clients.ts";
import { stream } from "../support/event_stream.ts";
import { at, quick, startFaultyStack } from "../support/faulty_stack.ts";
import { BEGUN_BY_MILLISECONDS, endless, stubborn } from "../support/programs.ts";
import type { RequestLine } from "../support/proxy.ts";
import { connect } from "../support/rows.ts";
import { deadlinesMoved, eventually } from "../support/settle.ts";
import { startStack } from "../support/stack.ts";

const durations = z.object({
  duration_ms: z.int(),
  auth_ms: z.int(),
  database_ms: z.int().optional(),
  provider_ms: z.int().optional(),
  kernel_ms: z.int().optional(),
});

Deno.test("one line a request, and nothing secret in any", async () => {
  const lines: string[] = [];
  const stack = await startStack({ onLog: (line) => lines.push(line) });
  try {
    const client = await user(stack);
    const { data: { session } } = await client.auth.getSession();
    assert(session);
    const path = newPath();
    const { context } = await invoke(client, "execute-code", {
      ...path,
      code: "print('output-' + 'marker')  # code-marker",
      envs: { A: "env-marker" },
      files: [{ path: "file-marker", content: "content-marker" }],
      outputs: ["file-marker"],
      idempotency_key: "key",
    });
    await (await stream(client, { ...path, code: "print('output-' + 'marker')" })).rest();
    await invoke(client, "execute-code", { ...path, code: "raise ValueError('error-marker')" });
    await refused(client, "execute-code", { ...path, code: "code-marker", timeout_ms: -1 });
    await fetch(`${stack.apiUrl}/functions/v1/execute-code`, {
      method: "POST",
      headers: { authorization: `Bearer ${session.access_token}` },
      body: '{ "code": code-marker',
    }).then((response) => response.body?.cancel());
    await invoke(client, "terminate-context", path);
    await fetch(`${stack.apiUrl}/functions/v1/acquire-context`, { method: "POST", body: "{}" })
      .then((response) => response.body?.cancel());
    await stack.stop();

    const requests = lines.filter((line) => line.includes('"function"'));
    assert.equal(requests.length, 7, lines.join("\n"));
    const told = requests.map((line) => JSON.parse(line.slice(line.indexOf("{"))));
    assert.deepEqual(told.map((line) => [line.function, line.outcome]), [
      ["execute-code", "ok"],
      ["execute-code", "ok"],
      ["execute-code", "ok"],
      ["execute-code", "invalid_request"],
      ["execute-code", "invalid_request"],
      ["terminate-context", "ok"],
      ["acquire-context", "MISSING_CREDENTIALS"],
    ]);
    for (const line of told.slice(0, -1)) {
      durations.parse(line);
      assert.match(line.request_id, /^[0-9a-f-]{36}$/);
    }
    for (const line of told.slice(0, 3)) {
      assert.deepEqual([line.tenant_id, line.context_id], [session.user.id, context.id]);
      for (const part of ["database_ms", "kernel_ms"]) assert.equal(typeof line[part], "number", part);
    }
    // Of the one that made the sandbox.
    assert.equal(typeof told[0].provider_ms, "number");
    // Of refused bodies, too.
    for (const line of told.slice(3, 6)) assert.equal(line.tenant_id, session.user.id);
    assert.equal(told[6].tenant_id, undefined);

    const all = lines.join("\n");
    const sandboxes = stack.e2b.server?.sandboxes().map((sandbox) => sandbox.sandboxId) ?? [];
    const secrets = [...sandboxes, session.access_token, stack.secretKey, stack.publishableKey, stack.e2b.apiKey];
    for (const secret of [...secrets, "-marker"]) {
      assert(!all.includes(secret), `the log holds ${secret.slice(0, 12)}…`);
    }
  } finally {
    await stack.stop();
  }
});

Deno.test("no word of E2B's errors: they may quote a user's code, or the path of a file", async () => {
  const lines: string[] = [];
  const faulty = await startFaultyStack({ onLog: (line) => lines.push(line) });
  const sql = connect(faulty.stack);
  const meet = (matches: (request: RequestLine) => boolean, status: number) =>
    faulty.proxy.intercept(matches, {
      kind: "answer",
      status,
      body: { code: status, message: "at /home/user/said-marker", error_code: "said-marker" },
    });
  const logged = (words: string) => lines.filter((line) => line.includes(words)).length;
  const paths = [newPath(), newPath()];
  try {
    const client = await user(faulty.stack);
    const path = newPath();
    const body = { ...path, code: "1", files: [{ path: "a", content: "" }] };
    for (const step of [at.create, at.upload, at.execute, at.connect, at.kill]) {
      if (step === at.connect) await deadlinesMoved(sql, path);
      const fault = meet(step, 500);
      if (step === at.kill) await invoke(client, "terminate-context", path);
      else if (step === at.connect) await refused(client, "acquire-context", path);
      else await refused(client, "execute-code", body);
      assert.equal(fault.left(), 0);
    }
    meet(at.execute, 401);
    await refused(client, "execute-code", body);
    // The SDK quotes the body of this status, unlike that of a 500. Each interrupt asks for the kernels, then each restart.
    for (const step of [at.kernels, at.kernels, at.kernels, at.restart]) meet(step, 404);
    // One each. At once, because it takes seconds until a kernel is restarted.
    await Promise.all(paths.map(async (path) => {
      const events = await stream(client, { ...path, code: stubborn });
      await events.until("stdout");
      await events.cancel();
    }));
    await eventually("both restarts failed", () => logged("kernel_restart_not_confirmed") === 2);
    const other = newPath();
    await invoke(client, "execute-code", { ...other, code: "1" });
    meet(at.interrupt, 404);
    await invoke(client, "execute-code", { ...other, code: endless, timeout_ms: BEGUN_BY_MILLISECONDS });
    await faulty.stack.stop();

    // One each, so that there was something to be quoted.
    assert.equal(logged('"outcome":"sandbox_unavailable"'), 4, lines.join("\n"));
    assert.equal(logged('"outcome":"misconfigured"'), 1, lines.join("\n"));
    assert.equal(logged("kill_not_confirmed"), 1, lines.join("\n"));
    assert.equal(logged("kernel_not_interrupted"), 3, lines.join("\n"));
    assert.deepEqual(lines.filter((line) => line.includes("said-marker")), []);
  } finally {
    await sql.end();
    await faulty.stop();
  }
});

Deno.test("where the time went is in a header that browsers may read, and the request has a name", async () => {
  const stack = await startStack();
  try {
    const client = await user(stack);
    const call = async (headers: Record<string, string>, body: Record<string, unknown>) => {
      const { data, response } = await client.functions.invoke("execute-code", { headers, body });
      assert(response);
      if (data instanceof Response) await data.body?.cancel();
      return response.headers;
    };
    const path = newPath();
    const answer = await call({ "x-request-id": "trace-7" }, { ...path, ...quick, code: "1" });
    const timing = answer.get("Server-Timing") ?? "";
    for (const part of ["auth", "database", "provider", "kernel", "total"]) {
      assert.match(timing, new RegExp(`(^|, )${part};dur=\\d+\\.\\d(,|$)`));
    }
    assert.equal(answer.get("X-Request-Id"), "trace-7");

    const streamed = await call({ Accept: "text/event-stream" }, { ...path, ...quick, code: "1" });
    assert.match(streamed.get("Server-Timing") ?? "", /auth;dur=.*database;dur=/);
    // What cannot stand in a log or a header as it is, is not taken over.
    const forged = await call({ "x-request-id": "a b{}" }, { ...path, code: "" });
    for (const headers of [answer, streamed, forged]) {
      const exposed = headers.get("Access-Control-Expose-Headers") ?? "";
      for (const name of ["Server-Timing", "X-Request-Id", "Retry-After"]) assert(exposed.includes(name), exposed);
      assert.equal(headers.get("Timing-Allow-Origin"), "*");
    }
    assert.match(forged.get("X-Request-Id") ?? "", /^[0-9a-f-]{36}$/);
    const refusal = await fetch(`${stack.apiUrl}/functions/v1/execute-code`, { method: "POST", body: "{}" });
    await refusal.body?.cancel();
    assert.equal(refusal.status, 401);
    assert.match(refusal.headers.get("Server-Timing") ?? "", /total;dur=/);
  } finally {
    await stack.stop();
  }
});
