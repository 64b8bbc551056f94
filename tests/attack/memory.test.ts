/** The largest runs at once: the platform ends a process that holds too much, and with it the runs of all others. */
import assert from "node:assert/strict";
import type { ErrorBody } from "../../supabase/functions/_shared/contract/error.ts";
import type { ExecuteResponse } from "../../supabase/functions/_shared/contract/execute_code.ts";
import { invoke, newPath, refused, user } from "../support/clients.ts";
import { at, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { growthOf } from "../support/resident.ts";
import { eventually } from "../support/settle.ts";

const faulty = useFaultyStack();

const MEBIBYTE = 2 ** 20;
/** What the process may grow by, in MiB: the platform grants 256, and an idle one has some 100. */
const MOST_MEBIBYTES = 120;

Deno.test.afterEach(() => {
  faulty.proxy.mischief = () => undefined;
});

/** Kernels and files that are as large as they may be, and cost no computing. */
function fakeLargest(): void {
  const result = JSON.stringify({ type: "result", html: "x".repeat(4 * MEBIBYTE - 100), is_main_result: true });
  const text = `{"type":"number_of_executions","execution_count":1}\n${result}\n{"type":"end_of_execution"}\n`;
  const file = "y".repeat(2 * MEBIBYTE);
  faulty.proxy.mischief = (line) => {
    if (at.execute(line)) return { kind: "answer", status: 200, text };
    return at.download(line) ? { kind: "answer", status: 200, text: file } : undefined;
  };
}

const largest = () => ({
  ...newPath(),
  ...quick,
  code: "1",
  files: [{ path: "in", content_base64: "eHh4".repeat(5 * MEBIBYTE / 3 - 1) }],
  outputs: ["a", "b"],
});

for (const [name, more] of [["", {}], [", with keys", { idempotency_key: "key" }]] as const) {
  Deno.test(`ten of the largest at once${name}: the process stays small, and each is served or told to try again`, async () => {
    fakeLargest();
    const [{ pid }] = faulty.stack.functions.processes;
    const clients = await Promise.all(Array.from({ length: 10 }, () => user(faulty.stack)));
    const paths = clients.map(() => ({ ...largest(), ...more }));
    await Promise.all(clients.map((client, index) => {
      const { conversation_id, path_id } = paths[index];
      return invoke(client, "acquire-context", { conversation_id, path_id });
    }));
    const { answer: answers, before, grown } = await growthOf(
      pid,
      () =>
        Promise.all(clients.map(async (client, index) => {
          const { data, error, response } = await client.functions.invoke<ExecuteResponse>("execute-code", {
            body: paths[index],
          });
          if (data) return { served: data, told: null };
          assert(response, `no answer: ${error?.context ?? error}`);
          const told: ErrorBody = await response.json();
          return { served: null, told };
        })),
    );
    const served = answers.filter((answer) => answer.served !== null).length;
    console.log(`the function's process grew by ${grown} MiB, from ${before}; ${served} of ten were served`);
    for (const { served, told } of answers) {
      if (told) {
        assert.deepEqual([told.code, told.retryable], ["context_busy", true]);
        assert(told.retry_after_seconds);
      } else {
        assert.deepEqual(served?.execution.outputs.map(({ status }) => status), ["ok", "ok"]);
      }
    }
    assert(served >= 1);
    assert(grown < MOST_MEBIBYTES, `the function's process grew by ${grown} MiB`);
  });
}

Deno.test("twenty repeats of the largest answer at once: the process stays small, and each is told it or to try again", async () => {
  fakeLargest();
  const [{ pid }] = faulty.stack.functions.processes;
  const client = await user(faulty.stack);
  const body = { ...newPath(), ...quick, code: "1", outputs: ["a", "b"], idempotency_key: "large" };
  await invoke(client, "execute-code", body);
  const { answer: told, before, grown } = await growthOf(pid, () =>
    Promise.all(Array.from({ length: 20 }, async () => {
      const { data, response } = await client.functions.invoke<ExecuteResponse>("execute-code", { body });
      if (data) return data.execution.outputs.map(({ status }) => status).join();
      const { code }: ErrorBody = await response?.json();
      return code;
    })));
  const replayed = told.filter((one) => one === "ok,ok").length;
  console.log(
    `the function's process grew by ${grown} MiB, from ${before}; ${replayed} of twenty were told the answer`,
  );
  assert.deepEqual(told.filter((one) => one !== "ok,ok" && one !== "context_busy"), []);
  assert(replayed >= 1);
  assert(grown < MOST_MEBIBYTES, `the function's process grew by ${grown} MiB`);
});

Deno.test("while the largest are served, what is small is served too", async () => {
  fakeLargest();
  const client = await user(faulty.stack);
  const path = newPath();
  const large = largest();
  const run = faulty.proxy.intercept(at.execute, { kind: "hold" });
  const running = invoke(client, "execute-code", large);
  await run.reached();
  const { body } = await refused(await user(faulty.stack), "execute-code", largest());
  assert.deepEqual([body.code, body.retryable], ["context_busy", true]);
  faulty.proxy.mischief = (line) => at.download(line) ? { kind: "answer", status: 200, text: "small" } : undefined;
  for (const more of [{}, { files: [{ path: "a", content: "x" }], outputs: ["a"] }]) {
    const small = { ...path, ...quick, code: "'x'.repeat(1000)", ...more };
    const { execution } = await invoke(client, "execute-code", small);
    assert.deepEqual([execution.status, execution.truncated], ["ok", null]);
  }
  fakeLargest();
  run.release();
  assert.equal((await running).execution.results.length, 1);
});

Deno.test("a result that finds no room for long is left out and counted; the run itself is as it would be", async () => {
  // Beforehand: the downloads below are held no longer than ten seconds.
  const [lateClient, ...holders] = await Promise.all(Array.from({ length: 5 }, () => user(faulty.stack)));
  const paths = await Promise.all([lateClient, ...holders].map(async (client) => {
    const path = newPath();
    await invoke(client, "acquire-context", path);
    return path;
  }));
  const download = faulty.proxy.intercept(at.download, { kind: "hold" }, 4);
  const running = holders.map((client, index) =>
    invoke(client, "execute-code", { ...paths[index + 1], ...quick, code: "1", outputs: ["a", "b"] })
  );
  await eventually("four hold room for two outputs", () => download.left() === 0);
  fakeLargest();
  const late = await invoke(lateClient, "execute-code", { ...paths[0], ...quick, code: "1" });
  // Not by comparison, which would print what is wrong.
  assert.equal(late.execution.results.length, 0);
  assert.equal(late.execution.status, "ok");
  assert.deepEqual(late.execution.truncated, { stdout: 0, stderr: 0, results: 1 });
  download.release();
  for (const { execution } of await Promise.all(running)) assert.equal(execution.results.length, 1);
  const next = await invoke(lateClient, "execute-code", { ...paths[0], ...quick, code: "1" });
  assert.equal(next.execution.results.length, 1);
});
