/** Wherever a sandbox, or E2B's API, would send the functions: they do not go there, and take no answer from there. */
import assert from "node:assert/strict";
import { invoke, newPath, refused, user } from "../support/clients.ts";
import { at, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { BEGUN_BY_MILLISECONDS } from "../support/programs.ts";
import type { RequestLine } from "../support/proxy.ts";
import { deadlinesMoved, sweepNow } from "../support/settle.ts";
import { shared } from "../support/shared.ts";

const faulty = useFaultyStack();

/** Would answer to anything with what each of the requests could be content with. */
const witness = shared((parts) => {
  const seen: string[] = [];
  const answer = [
    JSON.stringify({ type: "number_of_executions", execution_count: 7 }),
    JSON.stringify({ type: "stdout", text: "foreign", timestamp: "" }),
    JSON.stringify({ type: "end_of_execution" }),
  ].join("\n");
  const server = parts.use(
    Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
      seen.push(`${request.method} ${request.url}`);
      return new Response(answer);
    }),
  );
  return Promise.resolve({ url: `http://127.0.0.1:${server.addr.port}/foreign`, seen });
});

/** Lets the next request at a step meet a redirection to the witness. */
function redirect(step: (request: RequestLine) => boolean, status: number) {
  return faulty.proxy.intercept(step, { kind: "answer", status, headers: { Location: witness().url } });
}

const list = ({ method, path }: RequestLine) => method === "GET" && path.startsWith("/v2/sandboxes");
const steps = [
  at.create,
  at.connect,
  at.kill,
  list,
  at.execute,
  at.question,
  at.upload,
  at.download,
  at.kernels,
  at.restart,
  at.interrupt,
];

for (const status of [301, 302, 303, 307, 308]) {
  Deno.test(`${status}: code, files and keys stay here, and the caller may try again`, async () => {
    const client = await user(faulty.stack);
    const path = newPath();
    const run = { ...path, ...quick, code: "1", files: [{ path: "a", content: "x" }], outputs: ["a"] };
    for (const step of [at.create, at.connect]) {
      // In use by then: nobody waits for what ends a new one's probation.
      if (step === at.connect) {
        await invoke(client, "execute-code", { ...path, ...quick, code: "1" });
        await deadlinesMoved(faulty.sql, path);
      }
      const fault = redirect(step, status);
      const { body } = await refused(client, "acquire-context", path);
      assert.deepEqual([body.code, body.retryable, fault.left()], ["sandbox_unavailable", true, 0]);
    }
    for (const step of [at.upload, at.execute]) {
      const fault = redirect(step, status);
      const { body } = await refused(client, "execute-code", run);
      assert.deepEqual([body.code, body.retryable, fault.left()], ["sandbox_unavailable", true, 0]);
    }
    const download = redirect(at.download, status);
    const { execution } = await invoke(client, "execute-code", run);
    assert.deepEqual([execution.status, execution.outputs, download.left()], [
      "ok",
      [{ status: "unavailable", path: "a" }],
      0,
    ]);
    const kill = redirect(at.kill, status);
    await invoke(client, "terminate-context", path);
    const listed = redirect(list, status);
    await sweepNow(faulty.stack, faulty.sql).catch(() => {});
    assert.deepEqual([kill.left(), listed.left()], [0, 0]);
    assert.deepEqual(witness().seen, []);
  });
}

Deno.test("a kernel is neither asked, interrupted nor restarted elsewhere", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const late = { ...path, ...quick, code: "await new Promise(() => {})", timeout_ms: BEGUN_BY_MILLISECONDS };
  const interrupt = redirect(at.interrupt, 307);
  // It has begun when its time is over.
  await invoke(client, "execute-code", { ...path, ...quick, code: "1" });
  const cut = await invoke(client, "execute-code", late);
  assert.deepEqual([cut.execution.status, interrupt.left()], ["timed_out", 0]);
  for (const step of [at.kernels, at.restart]) {
    // Its connection is dropped, and then it is asked.
    faulty.database.intercept(at.hold, { kind: "answer", status: 401 });
    const redirected = redirect(at.question, 307);
    const held = faulty.proxy.intercept((line) => at.question(line) && redirected.left() === 0, { kind: "hold" }, 2);
    const fault = redirect(step, 307);
    const { execution } = await invoke(client, "execute-code", late);
    held.release();
    assert.deepEqual([execution.status, redirected.left(), fault.left()], ["timed_out", 0, 0]);
  }
  assert.deepEqual(witness().seen, []);
});

Deno.test("no request has gone to E2B or to a sandbox that is not among these", () => {
  const others = faulty.proxy.requests.filter((line) => !steps.some((step) => step(line)));
  assert.deepEqual(others, []);
});
