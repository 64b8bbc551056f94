/** Files are there before the code runs, and what it makes comes back. */
import assert from "node:assert/strict";
import { invoke, newPath, refused, user } from "../support/clients.ts";
import { stream } from "../support/event_stream.ts";
import { quick, useFaultyStack } from "../support/faulty_stack.ts";
import { useNotebook } from "../support/notebook.ts";
import { BEGUN_BY_MILLISECONDS } from "../support/programs.ts";
import { killBehindOurBack } from "../support/provider.ts";
import type { RequestLine } from "../support/proxy.ts";

const faulty = useFaultyStack();
const notebook = useNotebook(faulty);

const write = ({ method, path }: RequestLine) => method === "POST" && path.startsWith("/files");
const read = ({ method, path }: RequestLine) => method === "GET" && path.startsWith("/files");
const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);

Deno.test("text and bytes come and go as they are", async () => {
  const { client, path } = await notebook();
  const { execution } = await invoke(client, "execute-code", {
    ...path,
    files: [
      { path: "data/täble.csv", content: "a,b\n1,2\n€" },
      { path: "raw.bin", content_base64: bytes.toBase64() },
      { path: "empty", content: "" },
    ],
    code: `
import os
text = open("data/täble.csv", encoding="utf-8").read()
open("copy.bin", "wb").write(open("raw.bin", "rb").read())
open("chart.png", "wb").write(b"\\x89PNG")
print(repr(text), os.path.getsize("empty"))`,
    outputs: ["copy.bin", "chart.png", "data/täble.csv", "empty", "never.txt"],
  });
  assert.equal(execution.status, "ok", execution.error?.traceback);
  assert.equal(execution.stdout, "'a,b\\n1,2\\n€' 0\n");
  assert.deepEqual(execution.outputs.map((output) => [output.path, output.status]), [
    ["copy.bin", "ok"],
    ["chart.png", "ok"],
    ["data/täble.csv", "ok"],
    ["empty", "ok"],
    ["never.txt", "missing"],
  ]);
  const [copy, chart, table, empty] = execution.outputs;
  assert(copy.status === "ok" && chart.status === "ok" && table.status === "ok" && empty.status === "ok");
  assert.deepEqual(Uint8Array.fromBase64(copy.content_base64), bytes);
  assert.deepEqual([copy.media_type, chart.media_type, table.media_type], [
    "application/octet-stream",
    "image/png",
    "text/csv",
  ]);
  assert.deepEqual([copy.bytes, empty.bytes, empty.content_base64], [256, 0, ""]);
});

Deno.test("files stay for the runs that follow, and a later one of the same name takes the place", async () => {
  const { client, path } = await notebook();
  const code = "print(open('a.txt').read())";
  await invoke(client, "execute-code", { ...path, files: [{ path: "a.txt", content: "one" }], code });
  assert.equal((await invoke(client, "execute-code", { ...path, code })).execution.stdout, "one\n");
  const again = await invoke(client, "execute-code", { ...path, files: [{ path: "a.txt", content: "two" }], code });
  assert.equal(again.execution.stdout, "two\n");
});

Deno.test("outputs come back after code that raised, and after code that ran out of time", async () => {
  const { client, path } = await notebook();
  const endings = [
    { status: "error", code: "1 / 0", limit: {} },
    { status: "timed_out", code: "import time\ntime.sleep(60)", limit: { timeout_ms: BEGUN_BY_MILLISECONDS } },
  ];
  for (const { status, code, limit } of endings) {
    const { execution } = await invoke(client, "execute-code", {
      ...path,
      ...limit,
      code: `open("${status}.txt", "w").write("kept")\n${code}`,
      outputs: [`${status}.txt`],
    });
    assert.equal(execution.status, status);
    assert.deepEqual(execution.outputs, [{
      status: "ok",
      path: `${status}.txt`,
      media_type: "text/plain",
      bytes: 4,
      content_base64: btoa("kept"),
    }]);
  }
});

Deno.test("an output that is too large is named, and hides no other", async () => {
  const { client, path } = await notebook();
  const megabyte = 2 ** 20;
  const { execution } = await invoke(client, "execute-code", {
    ...path,
    code: `
for name, size in {"large": 2 * ${megabyte} + 1, "a": 2 * ${megabyte}, "b": ${megabyte}, "c": 2 * ${megabyte}, "d": 9}.items():
    open(name, "wb").write(bytes(size))`,
    outputs: ["large", "a", "b", "c", "d"],
  });
  // The third of those that fit by themselves does not fit into what is left of all together.
  assert.deepEqual(execution.outputs.map(({ path, status }) => [path, status]), [
    ["large", "too_large"],
    ["a", "ok"],
    ["b", "ok"],
    ["c", "too_large"],
    ["d", "ok"],
  ]);
});

Deno.test("an output may have any extension, also one that every object has", async () => {
  const { client, path } = await notebook();
  const { execution } = await invoke(client, "execute-code", {
    ...path,
    code: "open('x.constructor', 'w').close()",
    outputs: ["x.constructor"],
  });
  const [output] = execution.outputs;
  assert(output.status === "ok");
  assert.equal(output.media_type, "application/octet-stream");
});

Deno.test("a directory is no output", async () => {
  const { client, path } = await notebook();
  const { execution } = await invoke(client, "execute-code", {
    ...path,
    code: "import os\nos.makedirs('folder')\nopen('folder/a', 'w').close()",
    outputs: ["folder", "folder/a"],
  });
  assert.deepEqual(execution.outputs.map(({ status }) => status), ["unavailable", "ok"]);
});

Deno.test("an output that cannot be had does not hide what the run came to", async () => {
  const { client, path } = await notebook();
  faulty.proxy.intercept(read, { kind: "answer", status: 500 });
  const { execution } = await invoke(client, "execute-code", {
    ...path,
    code: "open('unread', 'w').write('x')",
    outputs: ["unread"],
  });
  assert.equal(execution.status, "ok");
  assert.deepEqual(execution.outputs, [{ status: "unavailable", path: "unread" }]);
});

Deno.test("code does not run without its files, and the answer says whether to try again", async () => {
  const { client, path } = await notebook();
  await invoke(client, "execute-code", { ...path, code: "runs = 0" });
  faulty.proxy.intercept(write, { kind: "answer", status: 500 });
  const body = { ...path, files: [{ path: "unwritten", content: "x" }], code: "runs += 1\nruns" };
  const { error, response } = await client.functions.invoke("execute-code", { body });
  assert(error && response);
  const told = await response.json();
  assert.deepEqual([told.code, told.retryable], ["sandbox_unavailable", true]);
  assert.equal((await invoke(client, "execute-code", body)).execution.results[0].text, "1");
});

Deno.test("files that cannot be put are the caller's to mend", async () => {
  const { client, path } = await notebook();
  const answer = await refused(client, "execute-code", {
    ...path,
    files: [{ path: "file", content: "x" }, { path: "file/b", content: "x" }],
    code: "1",
  });
  assert.deepEqual([answer.status, answer.body.field, answer.body.retryable], [400, "files", false]);
});

Deno.test("a sandbox found dead when the files come is replaced", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const { context } = await invoke(client, "execute-code", { ...path, ...quick, code: "1" });
  const held = faulty.proxy.intercept(write, { kind: "hold" });
  const body = { ...path, files: [{ path: "a", content: "x" }], code: "open('a').read()" };
  const running = invoke(client, "execute-code", body);
  await held.reached();
  await killBehindOurBack(faulty.provider, context.id);
  held.release();
  const answer = await running;
  assert.equal(answer.was_created, true);
  assert.equal(answer.execution.results[0].text, "x");
  assert.equal(answer.previous?.termination_reason, "sandbox_lost");
});

Deno.test("in a stream, outputs come with the end", async () => {
  const { client, path } = await notebook();
  const events = await stream(client, { ...path, code: "open('a.json', 'w').write('{}')", outputs: ["a.json"] });
  const { data } = await events.until("end");
  assert.deepEqual(data.outputs, [{
    status: "ok",
    path: "a.json",
    media_type: "application/json",
    bytes: 2,
    content_base64: btoa("{}"),
  }]);
});

Deno.test("with an idempotency key, files are put and outputs kept once", async () => {
  const { client, path } = await notebook();
  const body = {
    ...path,
    files: [{ path: "log", content: "begun" }],
    code: "open('log', 'a').write(' and written')",
    outputs: ["log"],
    idempotency_key: crypto.randomUUID(),
  };
  const first = await invoke(client, "execute-code", body);
  const repeat = await invoke(client, "execute-code", body);
  assert.deepEqual(repeat.execution, first.execution);
  const [output] = repeat.execution.outputs;
  assert(output.status === "ok");
  assert.equal(atob(output.content_base64), "begun and written");
});
