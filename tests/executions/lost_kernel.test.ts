/** A kernel goes, and nobody could note it: whoever runs code there next is told that its variables are lost. */
import { Sandbox } from "@e2b/code-interpreter";
import type { SupabaseClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import { invoke, newPath, refused, stop, user } from "../support/clients.ts";
import { stream } from "../support/event_stream.ts";
import { at, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { eventually } from "../support/settle.ts";

const faulty = useFaultyStack();

type Client = Awaited<ReturnType<typeof user>>;
type Path = ReturnType<typeof newPath>;

const crash = "Deno.exit(1)";
const isLost = "globalThis.lost === undefined";

/** A path whose kernel has run something. */
async function inUse(runs = 1): Promise<{ client: Client; path: Path }> {
  const client = await user(faulty.stack);
  const path = newPath();
  for (let run = 1; run <= runs; run++) {
    const { previous } = await invoke(client, "execute-code", { ...path, ...quick, code: "var lost = 1" });
    assert.equal(previous, null);
  }
  return { client, path };
}

/** That the next caller is told in its own answer, and all later ones. */
async function assertTold(client: Client, path: Path): Promise<void> {
  const next = await invoke(client, "execute-code", { ...path, ...quick, code: isLost });
  assert.equal(next.execution.results[0].text, "true");
  assert.equal(next.execution.kernel_restarted, false);
  assert.equal(next.previous?.termination_reason, "kernel_restarted");
  for (const operation of ["acquire-context", "execute-code"] as const) {
    const later = await invoke(
      client,
      operation,
      operation === "execute-code" ? { ...path, ...quick, code: "1" } : path,
    );
    assert.deepEqual(later.previous, next.previous);
  }
}

Deno.test("it crashes, and the function's process dies before it has noted that", async () => {
  const { client, path } = await inUse();
  const held = faulty.database.intercept(at.noteRestart, { kind: "answer", status: 503, hold: true });
  const doomed = client.functions.invoke("execute-code", { body: { ...path, ...quick, code: crash } });
  await held.reached();
  const [process] = faulty.stack.functions.processes;
  await process.kill();
  held.release();
  assert((await doomed).error);
  await process.restart();
  await assertTold(client, path);
});

Deno.test("it crashes, and the database takes no note of that", async () => {
  const { client, path } = await inUse();
  const fault = faulty.database.intercept(at.noteRestart, { kind: "answer", status: 503 }, Infinity);
  const { execution } = await invoke(client, "execute-code", { ...path, ...quick, code: crash });
  assert.equal(execution.kernel_restarted, true);
  fault.end();
  await assertTold(client, path);
});

Deno.test("it crashes while the connection to it is broken", async () => {
  // The new one may be asked first whether it is free, which it counts.
  const { client, path } = await inUse(2);
  faulty.proxy.intercept(at.execute, { kind: "drop", when: "after" });
  // In a loop without await, which is not interrupted: its kernel ends.
  const code = "for (;;) {}";
  const { body } = await refused(client, "execute-code", { ...path, ...quick, code });
  assert.equal(body.code, "execution_lost");
  await assertTold(client, path);
});

Deno.test("it is restarted from outside, and a stream is told before its end", async () => {
  const { client, path } = await inUse();
  const sandbox = faulty.provider.sandboxes().at(-1);
  assert(sandbox);
  const connected = await Sandbox.connect(sandbox.sandboxId, {
    apiUrl: faulty.provider.url,
    sandboxUrl: faulty.provider.url,
    apiKey: faulty.provider.apiKey,
  });
  for (const context of await connected.listCodeContexts()) await connected.restartCodeContext(context);

  const events = await (await stream(client, { ...path, ...quick, code: isLost })).rest();
  const contexts = events.filter(({ event }) => event === "context");
  assert.deepEqual(contexts.map(({ data }) => data.previous === null), [true, false]);
  assert.equal(events.at(-1)?.event, "end");
  await assertTold(client, path);
});

Deno.test("it crashes, and the next run in it is over before that is noted: what that one made is not called lost", async () => {
  const { client, path } = await inUse();
  const held = faulty.database.intercept(at.noteRestart, { kind: "hold" });
  const crashed = invoke(client, "execute-code", { ...path, ...quick, code: crash });
  await held.reached();
  const next = await invoke(client, "execute-code", { ...path, ...quick, code: "var made = 1" });
  assert.equal(next.previous?.termination_reason, "kernel_restarted");
  held.release();
  assert.equal((await crashed).execution.kernel_restarted, true);
  const after = await invoke(client, "execute-code", { ...path, ...quick, code: "made" });
  assert.equal(after.execution.results[0].text, "1");
  assert.deepEqual(after.previous, next.previous);
});

Deno.test("a run whose own kernel crashes is told so once, though its beginning could not be noted", async () => {
  const { client, path } = await inUse();
  const fault = faulty.database.intercept(at.start, { kind: "answer", status: 503 }, Infinity);
  const crashed = await invoke(client, "execute-code", { ...path, ...quick, code: crash });
  fault.end();
  assert.deepEqual([crashed.execution.kernel_restarted, crashed.previous], [true, null]);
  await assertTold(client, path);
});

/** Stops a loop without await, which is not interrupted: its kernel ends. Returns what its caller is told of its end. */
async function stopLoop(client: SupabaseClient, path: Record<string, unknown>, before = "") {
  const code = `${before}; console.log('begun'); for (;;) {}`;
  const running = await stream(client, { ...path, ...quick, code });
  await running.until("stdout");
  assert.equal(await stop(client, path), 1);
  return (await running.until("end")).data;
}

Deno.test("it ends at the interrupt of the first run that it had, and the question whether it is free is its first", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const end = await stopLoop(client, path, "var lost = 1");
  assert.deepEqual([end.status, end.execution_count, end.kernel_restarted], ["cancelled", 1, true]);
  await assertTold(client, path);
});

Deno.test("it ends at the interrupt of a later run, and that one is told too", async () => {
  const { client, path } = await inUse(3);
  const end = await stopLoop(client, path);
  assert.deepEqual([end.status, end.kernel_restarted], ["cancelled", true]);
  await assertTold(client, path);
});

Deno.test("it ends at the interrupt of a run whose connection broke, and who comes next is told", async () => {
  // A new one that is slow to start is asked more than once, and counts that.
  const { client, path } = await inUse(3);
  const running = await stream(client, { ...path, ...quick, code: "console.log('begun'); for (;;) {}" });
  await running.until("stdout");
  // Then its connection is dropped.
  faulty.database.intercept(at.hold, { kind: "answer", status: 401 });
  const noted = faulty.database.intercept(at.noteRestart, { kind: "hold_answer" });
  await running.cancel();
  await eventually("the loss is noted", () => noted.served() === 1);
  noted.release();
  await assertTold(client, path);
});
