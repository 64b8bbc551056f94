/** Bad input: the right 4xx, a message that names the field, readable by a browser, and nothing created. */
import assert from "node:assert/strict";
import type { ErrorBody } from "../../supabase/functions/_shared/contract/error.ts";
import { user } from "../support/clients.ts";
import { created } from "../support/provider.ts";
import { useStack } from "../support/stack.ts";

const local = useStack();
let token: string;
Deno.test.beforeAll(async () => {
  const { data } = await (await user(local.stack)).auth.getSession();
  assert(data.session);
  token = data.session.access_token;
});

interface Case {
  readonly name: string;
  readonly function?: string;
  readonly method?: string;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
  readonly status: number;
  readonly code?: string;
  readonly field?: string;
}

const path = { conversation_id: "c", path_id: "p" };
const long = "x".repeat(256);
const cases: Case[] = [
  { name: "no conversation_id", body: { path_id: "p" }, status: 400, field: "conversation_id" },
  { name: "no path_id", body: { conversation_id: "c" }, status: 400, field: "path_id" },
  { name: "empty id", body: { ...path, path_id: "" }, status: 400, field: "path_id" },
  { name: "over-long id", body: { ...path, conversation_id: long }, status: 400, field: "conversation_id" },
  { name: "id of the wrong type", body: { ...path, conversation_id: 7 }, status: 400, field: "conversation_id" },
  { name: "id that Postgres cannot keep", body: { ...path, path_id: "a\0b" }, status: 400, field: "path_id" },
  { name: "id of half a character", body: { ...path, path_id: "\ud800" }, status: 400, field: "path_id" },
  { name: "id too large for an index", body: { ...path, path_id: "😀".repeat(255) }, status: 400, field: "path_id" },
  { name: "unknown field", body: { ...path, ttl: 5 }, status: 400, field: "ttl" },
  {
    name: "unknown field of a long name",
    body: { ...path, ["x".repeat(1000)]: 5 },
    status: 400,
    field: `${"x".repeat(100)}…`,
  },
  {
    name: "unknown field of several lines",
    body: { ...path, "a\n\u202e\u001b": 5 },
    status: 400,
    field: "a\ufffd\ufffd\ufffd",
  },
  { name: "ttl of nothing", body: { ...path, ttl_seconds: 0 }, status: 400, field: "ttl_seconds" },
  { name: "ttl of the wrong type", body: { ...path, ttl_seconds: "60" }, status: 400, field: "ttl_seconds" },
  { name: "another tenant", body: { ...path, tenant_id: "other" }, status: 403, code: "forbidden_tenant" },
  { name: "no JSON", body: "{", status: 400 },
  { name: "no body", body: "", status: 400 },
  { name: "JSON that is no object", body: [1], status: 400 },
  { name: "JSON of too many values", body: { ...path, x: Array.from({ length: 1000 }, () => 0) }, status: 400 },
  { name: "JSON deeper than any stack", body: "[".repeat(200_000) + "]".repeat(200_000), status: 400 },
  { name: "too large a body", body: { ...path, x: "y".repeat(8 * 2 ** 20) }, status: 413, code: "payload_too_large" },
  { name: "no code", function: "execute-code", body: path, status: 400, field: "code" },
  { name: "empty code", function: "execute-code", body: { ...path, code: " \n" }, status: 400, field: "code" },
  {
    name: "too much code",
    function: "execute-code",
    body: { ...path, code: "#".repeat(100 * 1024 + 1) },
    status: 400,
    field: "code",
  },
  {
    name: "unknown language",
    function: "execute-code",
    body: { ...path, code: "1", language: "cobol" },
    status: 400,
    field: "language",
  },
  {
    name: "time limit over the settings'",
    function: "execute-code",
    body: { ...path, code: "1", timeout_ms: 45_001 },
    status: 400,
    field: "timeout_ms",
  },
  {
    name: "environment name that is code",
    function: "execute-code",
    body: { ...path, code: "1", envs: { "A']=1;": "x" } },
    status: 400,
    field: "envs.A']=1;",
  },
  ...Object.entries(
    {
      "no time at all": [{ timeout_ms: 0 }, "timeout_ms"],
      "environment value with NUL": [{ envs: { A: "a\0b" } }, "envs.A"],
      "environment value of half a character": [{ envs: { A: "\udc00" } }, "envs.A"],
      "environment value of the wrong type": [{ envs: { A: 1 } }, "envs.A"],
      "environment value too large": [{ envs: { A: "é".repeat(16 * 1024 + 1) } }, "envs.A"],
      "environment name that every object has": [{ envs: { A: "a", ["__proto__"]: "x" } }, "envs.__proto__"],
      "environment of no object": [{ envs: ["a"] }, "envs"],
      "environment of the sandbox's own": [{ envs: { PATH: "/tmp" } }, "envs.PATH"],
      "too many variables, all of them wrong": [
        { envs: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`-${i}`, ""])) },
        "envs",
      ],
      "too many variables": [
        { envs: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`A${i}`, ""])) },
        "envs",
      ],
      "empty idempotency_key": [{ idempotency_key: "" }, "idempotency_key"],
      "over-long idempotency_key": [{ idempotency_key: long }, "idempotency_key"],
      "absolute path": [{ files: [{ path: "/etc/passwd", content: "" }] }, "files.0.path"],
      "path that climbs": [{ files: [{ path: "a/../../b", content: "" }] }, "files.0.path"],
      "path with an empty name": [{ files: [{ path: "a//b", content: "" }] }, "files.0.path"],
      "path of nothing": [{ outputs: [""] }, "outputs.0"],
      "output that climbs": [{ outputs: ["a.txt", ".."] }, "outputs.1"],
      "output by an absolute path": [{ outputs: ["/home/user/a"] }, "outputs.0"],
      "path with a control character": [{ outputs: ["a\nb"] }, "outputs.0"],
      "path with a backslash": [{ outputs: ["..\\a"] }, "outputs.0"],
      "path with a quote": [{ outputs: ['a"b'] }, "outputs.0"],
      "name that R would read as code": [{ language: "r", envs: { if: "x" } }, "envs.if"],
      "name that R would not read": [{ language: "r", envs: { _A: "x" } }, "envs._A"],
      "name too long for a file system": [{ outputs: [long] }, "outputs.0"],
      "file without content": [{ files: [{ path: "a" }] }, "files.0"],
      "file with two contents": [{ files: [{ path: "a", content: "", content_base64: "" }] }, "files.0"],
      "content that is no base64": [{ files: [{ path: "a", content_base64: "a" }] }, "files.0.content_base64"],
      "content of padding alone": [{ files: [{ path: "a", content_base64: "====" }] }, "files.0.content_base64"],
      "content with padding in between": [
        { files: [{ path: "a", content_base64: "QQ==QQ==" }] },
        "files.0.content_base64",
      ],
      "unknown field of a file": [{ files: [{ path: "a", content: "", mode: 7 }] }, "mode"],
      "files too large together": [{ files: [{ path: "a", content: "x".repeat(5 * 2 ** 20 + 1) }] }, "files"],
      "too many files": [{ files: Array.from({ length: 21 }, (_, i) => ({ path: `${i}`, content: "" })) }, "files"],
      "too many outputs": [{ outputs: Array.from({ length: 21 }, (_, i) => `${i}`) }, "outputs"],
    } satisfies Record<string, [Record<string, unknown>, string]>,
  ).map(([name, [more, field]]) => ({
    name,
    function: "execute-code",
    body: { ...path, code: "1", ...more },
    status: 400,
    field,
  })),
  { name: "nothing to terminate", function: "terminate-context", body: {}, status: 400, field: "conversation_id" },
  {
    name: "a path alone",
    function: "terminate-context",
    body: { path_id: "p" },
    status: 400,
    field: "conversation_id",
  },
  {
    name: "context_id that is none",
    function: "terminate-context",
    body: { context_id: "1" },
    status: 400,
    field: "context_id",
  },
  { name: "another method", method: "PUT", body: path, status: 405, code: "method_not_allowed" },
  { name: "no token", body: path, headers: { authorization: "" }, status: 401, code: "MISSING_CREDENTIALS" },
  { name: "a forged token", body: path, headers: { authorization: "forged" }, status: 401, code: "INVALID_JWT" },
  { name: "the publishable key alone", body: path, headers: { authorization: "publishable" }, status: 401 },
  { name: "an unknown secret key", body: path, headers: { authorization: "", apikey: "sb_secret_x" }, status: 401 },
  {
    name: "a service without tenant_id",
    body: path,
    headers: { authorization: "service" },
    status: 400,
    field: "tenant_id",
  },
];

for (const one of cases) {
  Deno.test(`bad input: ${one.name}`, async () => {
    const headers = new Headers({
      "content-type": "application/json",
      // No browser has a secret key.
      ...(one.headers?.authorization === "service" ? {} : { origin: "https://app.example" }),
      authorization: `Bearer ${token}`,
    });
    for (const [name, value] of Object.entries(one.headers ?? {})) headers.set(name, value);
    switch (headers.get("authorization")) {
      case "":
        headers.delete("authorization");
        break;
      case "forged":
        headers.set("authorization", `Bearer ${forge(token)}`);
        break;
      case "publishable":
        headers.set("authorization", `Bearer ${local.stack.publishableKey}`);
        headers.set("apikey", local.stack.publishableKey);
        break;
      case "service":
        headers.delete("authorization");
        headers.set("apikey", local.stack.secretKey);
    }
    const response = await fetch(`${local.stack.apiUrl}/functions/v1/${one.function ?? "acquire-context"}`, {
      method: one.method ?? "POST",
      headers,
      body: typeof one.body === "string" ? one.body : JSON.stringify(one.body),
    });
    const body: ErrorBody = await response.json();

    assert.equal(response.status, one.status, JSON.stringify(body));
    assert.equal(response.headers.get("access-control-allow-origin"), "*");
    assert.equal(typeof body.message, "string");
    assert.equal(body.retryable, false);
    if (one.status === 400) assert.equal(body.code, "invalid_request");
    if (one.code !== undefined) assert.equal(body.code, one.code);
    if (one.field !== undefined) {
      assert.equal(body.field, one.field);
      assert(body.message.includes(one.field), body.message);
    }
    assert.equal(created(local.stack).length, 0);
    const [{ count }] = await local.sql`select count(*)::int as count from copilot_internal.execution_contexts`;
    assert.equal(count, 0);
  });
}

Deno.test("a browser's preflight is answered for every function", async () => {
  for (const name of ["acquire-context", "execute-code", "terminate-context"]) {
    const response = await fetch(`${local.stack.apiUrl}/functions/v1/${name}`, {
      method: "OPTIONS",
      headers: { origin: "https://app.example", "access-control-request-method": "POST" },
    });
    await response.body?.cancel();
    assert.equal(response.status, 204);
    assert.match(response.headers.get("access-control-allow-headers") ?? "", /authorization.*apikey.*content-type/);
  }
});

/** The same header and claims, signed by nobody we know. */
function forge(genuine: string): string {
  const [header, claims, signature] = genuine.split(".");
  return [header, claims, signature.split("").reverse().join("")].join(".");
}
