import assert from "node:assert/strict";
import { executionStream } from "../../local/e2b/code/execution_stream.ts";
import type { ExecutionLine } from "../../local/e2b/kernel/execution_line.ts";

const stdout = (text: string): ExecutionLine => ({ type: "stdout", text, timestamp: "" });
const never = new AbortController().signal;

Deno.test("a client that does not read makes the kernel wait", async () => {
  let written = 0;
  const { promise: hungUp, resolve } = Promise.withResolvers<void>();
  const stream = executionStream(async (sink, signal) => {
    while (!signal.aborted) {
      await sink(stdout("x".repeat(10_000)));
      written++;
    }
    resolve();
  }, never);
  const reader = stream.getReader();
  const settle = () => new Promise((done) => setTimeout(done));
  await settle();
  assert.ok(written < 20, `${written} lines of 10 kB were taken without a reader`);
  const before = written;
  for (let i = 0; i < 10; i++) await reader.read();
  await settle();
  assert.ok(written > before);
  await reader.cancel();
  await hungUp;
});

Deno.test("the wire is ASCII, so that no chunk can split a character", async () => {
  const text = "ü 你好 😀 \ud800";
  const stream = executionStream((sink) => sink(stdout(text)), never);
  const bytes = await new Response(stream).bytes();
  assert.ok(bytes.every((byte) => byte < 128));
  assert.equal(JSON.parse(new TextDecoder().decode(bytes)).text, text);
});

Deno.test("the end of the sandbox breaks the stream instead of closing it", async () => {
  const sandbox = new AbortController();
  const stream = executionStream(async (sink) => {
    await sink(stdout("said"));
    sandbox.abort();
    await sink(stdout("lost"));
  }, sandbox.signal);
  await assert.rejects(new Response(stream).text());
});
