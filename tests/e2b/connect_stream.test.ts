/** The frames of envd's streaming RPCs. */
import assert from "node:assert/strict";
import { z } from "zod";
import { ConnectError } from "../../local/e2b/envd/connect_error.ts";
import { isStreaming, readMessage, refuseStream, streamResponse } from "../../local/e2b/envd/connect_stream.ts";

const TYPE = "application/connect+json";

function asked(flags: number, json: string, length = json.length): Request {
  const head = new Uint8Array(5);
  head[0] = flags;
  new DataView(head.buffer).setUint32(1, length);
  return new Request("http://sandbox/", {
    method: "POST",
    headers: { "Content-Type": TYPE },
    body: new Blob([head, json]),
  });
}

/** The frames of an answer, each as its flags and its JSON. */
async function framesOf(response: Response): Promise<[flags: number, message: unknown][]> {
  const bytes = await response.bytes();
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const frames: [number, unknown][] = [];
  for (let at = 0; at < bytes.length;) {
    const length = view.getUint32(at + 1);
    frames.push([view.getUint8(at), JSON.parse(new TextDecoder().decode(bytes.subarray(at + 5, at + 5 + length)))]);
    at += 5 + length;
  }
  return frames;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
}

const alive = new AbortController().signal;
const path = z.object({ path: z.string() });

Deno.test("a message is read from its frame", async () => {
  const request = asked(0, '{"path":"/tmp"}');
  assert(isStreaming(request));
  assert.deepEqual(await readMessage(request, path, 100), { path: "/tmp" });
});

Deno.test("what is not exactly one readable message is refused in words", async () => {
  const read = (request: Request) => readMessage(request, path, 100);
  const failure = (code: string, message: RegExp) => ({ code, message });
  await assert.rejects(read(asked(0, '{"path":"/tmp"}', 3)), failure("invalid_argument", /exactly one/));
  await assert.rejects(read(asked(0, "{")), failure("invalid_argument", /JSON/));
  await assert.rejects(read(asked(0, "{}")), failure("invalid_argument", /path/));
  await assert.rejects(read(asked(1, "{}")), failure("unimplemented", /compressed/));
  await assert.rejects(read(asked(0, " ".repeat(101))), failure("invalid_argument", /100 bytes/));
  await assert.rejects(
    read(new Request("http://sandbox/", { method: "POST", body: "" })),
    failure("unimplemented", /json/),
  );
});

Deno.test("messages are followed by an end", async () => {
  const response = streamResponse(async function* () {
    yield { text: "é" };
    yield { text: "2" };
  }, alive);
  assert.equal(response.headers.get("content-type"), TYPE);
  assert.deepEqual(await framesOf(response), [[0, { text: "é" }], [0, { text: "2" }], [2, {}]]);
});

Deno.test("what the source throws is told in the end", async () => {
  const response = streamResponse(async function* () {
    yield 1;
    throw new ConnectError("not_found", "gone");
  }, alive);
  assert.deepEqual(await framesOf(response), [[0, 1], [2, { error: { code: "not_found", message: "gone" } }]]);
});

Deno.test("a refusal is an end alone", async () => {
  const response = refuseStream(new ConnectError("unimplemented", "not here"));
  assert.equal(response.status, 200);
  assert.deepEqual(await framesOf(response), [[2, { error: { code: "unimplemented", message: "not here" } }]]);
});

Deno.test("a client that leaves is told to the source", async () => {
  const left = Promise.withResolvers<void>();
  const response = streamResponse(async function* (signal) {
    try {
      yield 1;
      await aborted(signal);
    } finally {
      left.resolve();
    }
  }, alive);
  const reader = response.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  await left.promise;
});

Deno.test("the end of the sandbox breaks the stream", async () => {
  const life = new AbortController();
  const left = Promise.withResolvers<void>();
  const response = streamResponse(async function* (signal) {
    try {
      yield 1;
      await aborted(signal);
    } finally {
      left.resolve();
    }
  }, life.signal);
  const reader = response.body?.getReader();
  await reader?.read();
  life.abort();
  await assert.rejects(async () => await reader?.read(), (reason) => /sandbox ended/.test(String(reason)));
  await left.promise;
});
