/** What callers of the client get, from the functions as they are. */
import assert from "node:assert/strict";
import { executionContexts, ExecutionContextsError, type ToldEvent } from "../../client/mod.ts";
import { newPath, service, user } from "../support/clients.ts";
import { quick } from "../support/faulty_stack.ts";
import { quickEndless } from "../support/programs.ts";
import { eventually } from "../support/settle.ts";
import { useStack } from "../support/stack.ts";

const local = useStack({
  env: {
    SANDBOX_LANGUAGES: "python,javascript",
    CONVERSATION_QUOTA: "2",
    CONTEXT_KEEP_SECONDS: "0",
  },
});

async function contexts() {
  const client = await user(local.stack);
  return { client, contexts: executionContexts(client) };
}

Deno.test("code runs, and its variables are there for the next run", async () => {
  const path = (await contexts()).contexts.path(newPath());
  const first = await path.execute("x = 41\nprint('said')\nx");
  assert.deepEqual([first.was_created, first.execution.stdout, first.execution.results[0]?.text], [
    true,
    "said\n",
    "41",
  ]);
  const second = await path.execute("x + 1");
  assert.deepEqual([second.was_created, second.execution.results[0]?.text], [false, "42"]);
  assert.equal(second.context.id, first.context.id);
  assert.deepEqual([first.stateNote, second.stateNote], [null, null]);
});

Deno.test("the same object tells events while the code runs, and the result", async () => {
  const path = (await contexts()).contexts.path(newPath());
  const execution = path.execute("import time\nfor i in range(3): print(i, flush=True)\n1 / 0");
  const told: ToldEvent[] = [];
  for await (const event of execution) told.push(event);
  const names = told.map(({ event }) => event);
  assert.deepEqual([names[0], names.at(-2), names.at(-1)], ["context", "error", "end"]);
  const said = told.map((event) => event.event === "stdout" ? event.data.text : "").join("");
  const { execution: result } = await execution;
  assert.deepEqual([said, result.stdout, result.status, result.error?.name], [
    said,
    "0\n1\n2\n",
    "error",
    "ZeroDivisionError",
  ]);
  assert.equal(said, result.stdout);
  // Who comes later is told all of it again.
  assert.deepEqual(await Array.fromAsync(execution), told);
});

Deno.test("events come as they are told", async () => {
  const path = (await contexts()).contexts.path(newPath());
  const stop = new AbortController();
  const execution = path.execute("console.log('begun'); await new Promise(() => {})", {
    ...quick,
    signal: stop.signal,
  });
  for await (const event of execution) if (event.event === "stdout") break;
  stop.abort();
  await assert.rejects(execution, { name: "AbortError" });
});

Deno.test("aborting stops the run, and the variables stay", async () => {
  const { contexts: clients, client } = await contexts();
  const key = newPath();
  const path = clients.path(key);
  const stop = new AbortController();
  const forEver =
    "import time\nn = 0\nwhile True:\n  n += 1\n  if n == 3: print('begun', flush=True)\n  time.sleep(0.005)";
  const execution = path.execute(forEver, { signal: stop.signal });
  for await (const { event } of execution) if (event === "stdout") break;
  const reason = new Error("the user pressed Stop");
  stop.abort(reason);
  await assert.rejects(execution, reason);
  // The kernel takes the next run, and counts no more.
  const first = await path.execute("n");
  const second = await path.execute("n");
  assert.equal(second.execution.results[0]?.text, first.execution.results[0]?.text);
  assert(Number(first.execution.results[0]?.text) >= 3);
  assert.equal(first.stateNote, null);
  const { data } = await client.from("execution_contexts").select().eq("conversation_id", key.conversation_id);
  assert.equal(data?.length, 1);
});

Deno.test("aborting stops the run where fetch loses the abort", async () => {
  const client = await user(local.stack);
  const path = executionContexts({
    functions: { invoke: (name, { signal: _, ...options }) => client.functions.invoke(name, options) },
  }).path(newPath());
  const stop = new AbortController();
  const execution = path.execute(quickEndless, { ...quick, signal: stop.signal });
  for await (const { event } of execution) if (event === "stdout") break;
  const reason = new Error("the user pressed Stop");
  stop.abort(reason);
  // Not with the `cancelled` that the stream goes on to tell.
  await assert.rejects(execution, reason);
  assert.equal((await path.execute("n > 0", quick)).execution.results[0]?.text, "true");
});

Deno.test("what is aborted before it is sent runs nothing", async () => {
  const path = (await contexts()).contexts.path(newPath());
  const reason = new Error("never mind");
  await assert.rejects(path.execute("1", { signal: AbortSignal.abort(reason) }), reason);
  await assert.rejects(path.acquire({ signal: AbortSignal.abort(reason) }), reason);
  assert.equal((await path.acquire()).was_created, true);
});

Deno.test("a run that is cancelled by its object ends with what it had said", async () => {
  const path = (await contexts()).contexts.path(newPath());
  const execution = path.execute("console.log('begun'); await new Promise(() => {})", quick);
  for await (const { event } of execution) if (event === "stdout") break;
  await execution.cancel();
  const { execution: { status, stdout } } = await execution;
  assert.deepEqual([status, stdout], ["cancelled", "begun\n"]);
});

Deno.test("lost variables are told in words, once", async () => {
  const { contexts: clients } = await contexts();
  const key = newPath();
  const path = clients.path(key);
  const { state_id } = await path.execute("var x = 1", quick);
  await path.terminate();
  await path.terminate();
  const gone = "The JavaScript session was restarted: variables defined before are gone. It was ended on request.";
  assert.equal((await path.execute("1", quick)).stateNote, gone);
  assert.equal((await path.execute("2", quick)).stateNote, null);
  assert.equal((await path.acquire()).stateNote, null);
  // Who kept the state's id with the conversation is told, too, and who has kept nothing finds a path that works.
  const kept = clients.path({ ...key, state_id });
  assert.equal((await kept.acquire()).stateNote, gone.replace("JavaScript ", ""));
  assert.equal((await kept.acquire()).stateNote, null);
  assert.equal((await clients.path(key).acquire()).stateNote, null);
});

Deno.test("an expired context is told with the time that it may stand idle, to who knows that", async () => {
  const { contexts: clients } = await contexts();
  const key = newPath();
  const path = clients.path(key);
  const expire = () =>
    local.sql`
      update copilot_internal.execution_contexts set expires_at = now() - interval '1 second'
      where conversation_id = ${key.conversation_id} and terminated_at is null`;
  const gone = "The JavaScript session was restarted: variables defined before are gone.";
  await path.execute("1", { ...quick, ttl_seconds: 1800 });
  await expire();
  const { stateNote } = await path.execute("1", { ...quick, ttl_seconds: 60 });
  assert.equal(stateNote, `${gone} It had been idle for more than 30 minutes.`);
  await expire();
  const stranger = await clients.path(key).execute("1", quick);
  assert.equal(stranger.stateNote, `${gone} It had not been used for too long.`);
});

Deno.test("a branch that is made anew is told as the copy that it is", async () => {
  const { contexts: clients } = await contexts();
  const main = clients.path(newPath());
  await main.execute("x = 7");
  const branch = main.branch("edited");
  await branch.execute("x = 8");
  await branch.terminate();
  const again = await branch.execute("x");
  assert.equal(again.execution.results[0]?.text, "7");
  assert.equal(
    again.stateNote,
    'The Python session is a new copy of that of the branch "main": variables that this branch had defined itself are gone.',
  );
});

Deno.test("a caller's own key gets the kept answer, whatever the caller has learned since", async () => {
  const { contexts: clients } = await contexts();
  const path = clients.path(newPath());
  const first = await path.execute("'once'", { ...quick, idempotency_key: "mine" });
  const repeat = await path.execute("'once'", { ...quick, idempotency_key: "mine" });
  assert.deepEqual([first.replayed, repeat.replayed], [false, true]);
  assert.deepEqual(repeat.execution, first.execution);
});

Deno.test("a branch begins with its source's variables, or says that it has none", async () => {
  const { contexts: clients } = await contexts();
  const main = clients.path(newPath());
  await main.execute("x = [1]");
  const edited = main.branch("edited");
  const first = await edited.execute("x.append(2); x");
  assert.deepEqual([first.execution.results[0]?.text, first.stateNote], ["[1, 2]", null]);
  assert.equal((await main.execute("x")).execution.results[0]?.text, "[1]");
  const empty = clients.path({ ...newPath(), path_id: "edited", from_path_id: "never used" });
  assert.match((await empty.acquire()).stateNote ?? "", /this branch begins empty/);
  assert.equal((await empty.acquire()).stateNote, null);
});

Deno.test("errors are of one class, with all that the functions say", async () => {
  const [clients, strangers] = await Promise.all(
    [1, 2].map(async () => executionContexts(await user(local.stack, "acme"))),
  );
  const conversation = newPath().conversation_id;
  const path = (path_id: string) => clients.path({ conversation_id: conversation, path_id });
  await assert.rejects(path("").acquire(), (error) => {
    assert(error instanceof ExecutionContextsError);
    assert.deepEqual([error.code, error.status, error.retryable], ["invalid_request", 400, false]);
    assert.equal(error.body.field, "path_id");
    assert.match(error.requestId ?? "", /./);
    return true;
  });
  await Promise.all([path("a").acquire(), path("b").acquire()]);
  await assert.rejects(path("c").execute("1"), (error) => {
    assert(error instanceof ExecutionContextsError);
    assert.deepEqual([error.code, error.status, error.retryable], ["quota_exceeded", 429, false]);
    assert((error.retryAfter ?? 0) > 0);
    return true;
  });
  const stranger = strangers.path({ conversation_id: conversation, path_id: "a" });
  await assert.rejects(stranger.acquire(), { code: "forbidden_conversation", status: 403 });
});

Deno.test("services name the tenant, and the user", async () => {
  const path = executionContexts(service(local.stack)).path({ ...newPath(), tenant_id: "acme", user_id: "alice" });
  assert.match((await path.acquire()).context.sandbox_id ?? "", /./);
  await path.terminate();
});

Deno.test("files go in and come out", async () => {
  const path = (await contexts()).contexts.path(newPath());
  const { execution } = await path.execute("open('out.txt', 'w').write(open('in.txt').read().upper())", {
    files: [{ path: "in.txt", content: "words" }],
    outputs: ["out.txt", "none.txt"],
  });
  const [out, none] = execution.outputs;
  assert.equal(out?.status === "ok" && atob(out.content_base64), "WORDS");
  assert.equal(none?.status, "missing");
});

Deno.test("nothing that runs is left behind by these tests", async () => {
  await eventually("no execution is open", async () => {
    const [{ open }] = await local.sql`
      select count(*)::int as open from copilot_internal.executions where status = 'running'`;
    return open === 0;
  });
});
