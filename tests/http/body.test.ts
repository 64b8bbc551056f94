/** When a body is read, and what becomes of one that does not end. */
import assert from "node:assert/strict";
import { acquireRequestSchema } from "../../supabase/functions/_shared/contract/acquire_context.ts";
import type { ErrorBody } from "../../supabase/functions/_shared/contract/error.ts";
import { readBody } from "../../supabase/functions/_shared/http/body.ts";
import { Arrival } from "../../supabase/functions/_shared/memory.ts";
import { user } from "../support/clients.ts";
import { inFakeTime } from "../support/fake_time.ts";
import { eventually } from "../support/settle.ts";
import { useStack } from "../support/stack.ts";

const lines: string[] = [];
const local = useStack({ onLog: (line) => lines.push(line) });

/** Sends the head of a request with a body of 1,000 bytes, and some of it, past the gateway, which waits for all of it. */
async function begin(headers: Record<string, string>, some: string): Promise<Deno.TcpConn> {
  const [{ url }] = local.stack.functions.processes;
  assert(url);
  const { hostname, port, host } = new URL(url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const head = Object.entries({ host, "content-type": "application/json", "content-length": "1000", ...headers });
  const text = ["POST /execute-code HTTP/1.1", ...head.map((header) => header.join(": ")), "", some].join("\r\n");
  await connection.write(new TextEncoder().encode(text));
  return connection;
}

async function tokenOf(): Promise<{ tenant: string; authorization: string }> {
  const { data: { session } } = await (await user(local.stack)).auth.getSession();
  assert(session);
  return { tenant: session.user.id, authorization: `Bearer ${session.access_token}` };
}

Deno.test("who may not call is told so before any of the body is there", async () => {
  const strangers: Record<string, string>[] = [{}, { authorization: "Bearer a.b.c" }, { apikey: "sb_secret_x" }];
  for (const headers of strangers) {
    using connection = await begin(headers, "");
    const answer = new Uint8Array(1024);
    const length = await connection.read(answer);
    assert.match(new TextDecoder().decode(answer.subarray(0, length ?? 0)), /^HTTP\/1\.1 401 /);
  }
});

Deno.test("a caller who goes away within the body is no error of ours", async () => {
  for (const accept of ["application/json", "text/event-stream"]) {
    const { tenant, authorization } = await tokenOf();
    const connection = await begin({ authorization, accept, "x-request-id": tenant }, '{ "code": "1", ');
    // Long enough for the function to wait for the rest, which changes nothing if it does not yet.
    await new Promise((resolve) => setTimeout(resolve, 300));
    connection.close();

    const about = () => lines.filter((line) => line.includes(tenant)).map((line) => line.slice(line.indexOf("{")));
    await eventually("the request is logged", () => about().length > 0);
    const [line, ...more] = about().map((line) => JSON.parse(line));
    assert.deepEqual([line.level, line.outcome, line.tenant_id, more], ["info", "cancelled", tenant, []]);
  }
});

Deno.test("a body that does not say its length is refused where it is too long", async () => {
  const { authorization } = await tokenOf();
  const response = await fetch(`${local.stack.apiUrl}/functions/v1/execute-code`, {
    method: "POST",
    headers: { authorization },
    body: new Blob(["x".repeat(9 * 2 ** 20)]).stream(),
  });
  const body: ErrorBody = await response.json();
  assert.deepEqual([response.status, body.code], [413, "payload_too_large"]);
});

Deno.test("a body that is refused is read all the same, so that its sender gets to the answer, but no flood is", async () => {
  const chunk = new Uint8Array(64 * 1024);
  const mebibytes = (chunks: number) => chunks * chunk.length / 2 ** 20;
  for (const [size, least, most] of [[9, 9, 9], [Infinity, 9, 17]]) {
    let chunks = 0;
    let isCancelled = false;
    const body = new ReadableStream({
      pull: (controller) => mebibytes(chunks++) < size ? controller.enqueue(chunk) : controller.close(),
      cancel: () => void (isCancelled = true),
    });
    const request = new Request("http://localhost", { method: "POST", body });
    await assert.rejects(readBody(request, acquireRequestSchema, new Arrival()), { code: "payload_too_large" });
    assert(mebibytes(chunks) >= least && mebibytes(chunks) <= most + 1, `${mebibytes(chunks)} MiB were read`);
    assert.equal(isCancelled, size === Infinity);
  }
});

Deno.test("bytes that are no text are no body", async () => {
  const { authorization } = await tokenOf();
  const [before, after] = ['{ "conversation_id": "c', '", "path_id": "p" }'].map((text) =>
    new TextEncoder().encode(text)
  );
  const answer = await fetch(`${local.stack.apiUrl}/functions/v1/acquire-context`, {
    method: "POST",
    headers: { authorization, "content-type": "application/json" },
    body: new Blob([before, new Uint8Array([0xff]), after]),
  });
  const told: ErrorBody = await answer.json();
  assert.deepEqual([answer.status, told.code], [400, "invalid_request"]);
});

Deno.test("a body that does not come is not waited for without an end", async () => {
  await inFakeTime(async (pass) => {
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{ "code": ')),
    });
    const read = readBody(
      new Request("http://localhost", { method: "POST", body }),
      acquireRequestSchema,
      new Arrival(),
    );
    const refused = assert.rejects(read, { code: "cancelled" });
    await pass(31_000);
    await refused;
  });
});
