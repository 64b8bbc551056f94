/** A branch begins with what its source had: one fork for all who want it, no run cut for it, and the two never mix. */
import assert from "node:assert/strict";
import type postgres from "postgres";
import type { ExecuteResponse } from "../../supabase/functions/_shared/contract/execute_code.ts";
import { invoke, newPath, patiently, refused, service, stop, user } from "../support/clients.ts";
import { at, impatient, useFaultyStack } from "../support/faulty_stack.ts";
import { alive, created, createdFor, killBehindOurBack } from "../support/provider.ts";
import { contexts } from "../support/rows.ts";
import { deadlinesMoved, endsNoted, eventually, fallAsleep, sweepNow } from "../support/settle.ts";

const faulty = useFaultyStack({ functions: 3, env: { TENANT_QUOTA: "60", CONVERSATION_QUOTA: "60" } });

/** How many forks of a context's sandbox were made. */
const forksOf = (contextId: string) => {
  const sources = created(faulty.provider).filter(({ metadata }) => metadata.context_id === contextId);
  return created(faulty.provider).filter(({ forkedFrom }) => sources.some(({ sandboxId }) => sandboxId === forkedFrom));
};
/** A path of a new conversation, and one that branches from it. */
function branching() {
  const path = newPath();
  return { path, branch: { ...path, path_id: `${path.path_id}-branch`, from_path_id: path.path_id } };
}
const text = ({ execution }: ExecuteResponse) => execution.results[0]?.text;

Deno.test("a branch has its source's variables, files and count, and what either does the other does not see", async () => {
  const client = await user(faulty.stack);
  const { path, branch } = branching();
  const source = await invoke(client, "execute-code", {
    ...path,
    code: "class Point:\n  def __init__(self, x): self.x = x\np = Point(41)\nopen('note', 'w').write('kept')",
  });
  const first = await invoke(client, "execute-code", { ...branch, code: "p.x += 1; p.x, open('note').read()" });
  assert.equal(text(first), "(42, 'kept')");
  assert.equal(first.execution.execution_count, 2);
  assert.deepEqual(first.forked_from, { path_id: path.path_id, context_id: source.context.id });
  assert.deepEqual([first.was_created, first.was_resumed, first.previous], [true, false, null]);
  assert.notEqual(first.context.id, source.context.id);
  assert.notEqual(first.state_id, source.state_id);

  assert.equal(text(await invoke(client, "execute-code", { ...path, code: "p.x" })), "41");
  // Where the path has a context, the field changes nothing; and what it began as is told as long as it lasts.
  const again = await invoke(client, "execute-code", { ...branch, code: "p.x" });
  assert.deepEqual([text(again), again.context.id, again.was_created], ["42", first.context.id, false]);
  assert.deepEqual(again.forked_from, first.forked_from);
  assert.equal(forksOf(source.context.id).length, 1);
});

Deno.test("acquiring branches, too, and a branch can be branched from", async () => {
  const client = await user(faulty.stack);
  const { path, branch } = branching();
  await invoke(client, "execute-code", { ...path, code: "trail = ['source']" });
  const acquired = await invoke(client, "acquire-context", branch);
  assert.equal(acquired.forked_from?.path_id, path.path_id);
  const leaf = { ...branch, path_id: "leaf", from_path_id: branch.path_id };
  const grown = await invoke(client, "execute-code", { ...leaf, code: "trail" });
  assert.deepEqual([text(grown), grown.forked_from?.context_id], ["['source']", acquired.context.id]);
  await sweepNow(faulty.stack, faulty.sql);
  assert.equal(
    alive(faulty.provider).filter(({ metadata }) => metadata.context_id === grown.forked_from?.context_id).length,
    0,
  );
  assert.equal(text(await invoke(client, "execute-code", { ...leaf, code: "trail" })), "['source']");
});

Deno.test("a source that has nothing to give is told of: the branch begins empty", async () => {
  const client = await user(faulty.stack);
  const { path, branch } = branching();
  const none = await invoke(client, "execute-code", { ...branch, code: "1" });
  assert.deepEqual([none.forked_from, none.was_created], [null, true]);

  const ended = branching();
  await invoke(client, "acquire-context", ended.path);
  await invoke(client, "terminate-context", ended.path);
  const empty = await invoke(client, "acquire-context", ended.branch);
  assert.deepEqual([empty.forked_from, empty.was_created], [null, true]);

  // Nobody knew yet that it was gone.
  const gone = branching();
  const source = await invoke(client, "acquire-context", gone.path);
  await deadlinesMoved(faulty.sql, gone.path);
  await killBehindOurBack(faulty.provider, source.context.id);
  const begun = await invoke(client, "acquire-context", gone.branch);
  assert.deepEqual([begun.forked_from, begun.was_created], [null, true]);
  assert.equal((await contexts(faulty.sql, gone.path))[0].termination_reason, "sandbox_lost");
  assert.equal((await invoke(client, "acquire-context", gone.path)).previous?.termination_reason, "sandbox_lost");
  assert.equal(path.path_id, branch.from_path_id);
});

Deno.test("a source that is just being made has something to give, and is waited for", async () => {
  const client = await user(faulty.stack);
  const { path, branch } = branching();
  const making = faulty.proxy.intercept(at.create, { kind: "hold" });
  const first = invoke(client, "execute-code", { ...path, code: "x = 1" });
  await making.reached();
  const claims = faulty.database.answered.filter(at.claim).length;
  const branched = invoke(client, "execute-code", { ...branch, code: "x" });
  await eventually("the branch waits", () => faulty.database.answered.filter(at.claim).length > claims + 1, {
    seconds: 20,
  });
  making.release();
  assert.equal(text(await branched), "1");
  assert.equal((await branched).forked_from?.context_id, (await first).context.id);
});

Deno.test("another conversation's path, and another tenant's, is no source", async () => {
  const [client, stranger] = [await user(faulty.stack), await user(faulty.stack)];
  const { path, branch } = branching();
  await invoke(client, "execute-code", { ...path, code: "secret = 1" });
  const elsewhere = { ...newPath(), path_id: "elsewhere", from_path_id: path.path_id };
  assert.equal((await invoke(client, "acquire-context", elsewhere)).forked_from, null);
  const theirs = await invoke(stranger, "execute-code", { ...branch, code: "'secret' in globals()" });
  assert.deepEqual([theirs.forked_from, text(theirs)], [null, "False"]);
});

Deno.test("a path is no source of its own", async () => {
  const path = newPath();
  const { status, body } = await refused(await user(faulty.stack), "acquire-context", {
    ...path,
    from_path_id: path.path_id,
  });
  assert.deepEqual([status, body.code, body.field], [400, "invalid_request", "from_path_id"]);
});

Deno.test("a hundred callers of a new branch: one fork, one sandbox, the same variables", async () => {
  const client = await user(faulty.stack);
  const { path, branch } = branching();
  const source = await invoke(client, "execute-code", { ...path, code: "x = 7" });
  const answers = await Promise.all(Array.from({ length: 100 }, () => invoke(client, "acquire-context", branch)));
  assert.equal(new Set(answers.map(({ context }) => context.id)).size, 1);
  assert.equal(answers.filter(({ was_created }) => was_created).length, 1);
  assert.equal(forksOf(source.context.id).length, 1);
  assert.equal(text(await invoke(client, "execute-code", { ...branch, code: "x" })), "7");
});

/** In seconds: on a busy machine they have taken a minute. */
const FIFTY_FORKS = 240;

Deno.test("fifty branches of one source at once: none is torn, and the source's variables are there", async () => {
  const client = await user(faulty.stack);
  const { path } = branching();
  const source = await invoke(client, "execute-code", { ...path, code: "pair = [0, 0]" });
  const branches = Array.from({ length: 50 }, (_, n) => ({ ...path, path_id: `b${n}`, from_path_id: path.path_id }));
  // What runs on the source meanwhile sees each of its steps whole.
  const runs = Promise.all(
    Array.from(
      { length: 3 },
      () =>
        patiently(() => invoke(client, "execute-code", { ...path, code: "pair[0] += 1; pair[1] += 1" }), FIFTY_FORKS),
    ),
  );
  // Together, or what went wrong with the runs would be nobody's.
  const [answers] = await Promise.all([
    Promise.all(branches.map((branch) => patiently(() => invoke(client, "acquire-context", branch), FIFTY_FORKS))),
    runs,
  ]);
  assert.equal(new Set(answers.map(({ context }) => context.id)).size, 50);
  assert.equal(answers.filter(({ forked_from }) => forked_from?.context_id === source.context.id).length, 50);
  assert.equal(forksOf(source.context.id).length, 50);
  for (const branch of branches.slice(0, 5)) {
    const seen = text(await invoke(client, "execute-code", { ...branch, code: "pair[0] == pair[1]" }));
    assert.equal(seen, "True");
  }
  assert.equal(text(await invoke(client, "execute-code", { ...path, code: "pair" })), "[3, 3]");
  await invoke(client, "terminate-context", { conversation_id: path.conversation_id });
});

for (const whose of ["the run that made its source", "a later one"]) {
  Deno.test(`a fork waits for ${whose}, and what comes meanwhile waits for the fork and does not hold it up`, async () => {
    const client = await user(faulty.stack);
    const { path, branch } = branching();
    if (whose === "a later one") await invoke(client, "execute-code", { ...path, code: "1" });
    const running = faulty.proxy.intercept(at.execute, { kind: "hold_answer" });
    const first = invoke(client, "execute-code", { ...path, code: "x = 1; x" });
    const { headers } = await running.reached();
    await eventually("its source is ready", async () => {
      const [row] = await contexts(faulty.sql, path);
      return row.sandbox_status === "ready";
    });
    const looks = faulty.database.answered.filter(at.holdSource).length;
    const branched = invoke(client, "execute-code", { ...branch, code: "x" });
    await eventually("the fork waits", () => faulty.database.answered.filter(at.holdSource).length > looks + 1);
    // It comes while the fork waits, and later.
    const second = invoke(client, "execute-code", { ...path, code: "x += 10; x" });
    await eventually("the next run waits", async () => {
      const waiting = await faulty.sql`
        select from copilot_internal.open_executions where conversation_id = ${path.conversation_id} and is_waiting`;
      return waiting.length > 0;
    });
    const forks = () => created(faulty.provider).filter(({ forkedFrom }) => forkedFrom === headers["e2b-sandbox-id"]);
    assert.equal(forks().length, 0);
    running.release();
    assert.equal(text(await first), "1");
    assert.equal(text(await branched), "1");
    assert.equal(text(await second), "11");
    assert.equal(forks().length, 1);
    await endsNoted(faulty.sql, path);
  });
}

Deno.test("a run that is stopped while its fork waits holds its source up no more", async () => {
  const client = await user(faulty.stack);
  const { path, branch } = branching();
  await invoke(client, "execute-code", { ...path, code: "1" });
  const running = faulty.proxy.intercept(at.execute, { kind: "hold_answer" });
  const first = invoke(client, "execute-code", { ...path, code: "x = 1; x" });
  await running.reached();
  const branched = refused(client, "execute-code", { ...branch, code: "x" });
  await eventually("its source is held", () => isHeld(faulty.sql, path));
  assert.equal(await stop(client, { conversation_id: branch.conversation_id, path_id: branch.path_id }), 1);
  // It would wait for twice as long, as long as its request may take.
  await eventually("its source is free", async () => !await isHeld(faulty.sql, path), { seconds: 20 });
  assert.equal((await branched).body.code, "cancelled");
  running.release();
  assert.equal(text(await first), "1");
});

Deno.test("no run begins on the source while it is forked", async () => {
  const client = await user(faulty.stack);
  const { path, branch } = branching();
  await invoke(client, "execute-code", { ...path, code: "x = 1" });
  await endsNoted(faulty.sql, path);
  const forking = faulty.proxy.intercept(at.fork, { kind: "hold" });
  const branched = invoke(client, "execute-code", { ...branch, code: "x" });
  await forking.reached();
  const runs = faulty.proxy.requests.filter(at.execute).length;
  const claims = faulty.database.answered.filter(at.claim).length;
  const next = invoke(client, "execute-code", { ...path, code: "x += 10; x" });
  await eventually("the run waits", () => faulty.database.answered.filter(at.claim).length > claims + 2);
  assert.equal(faulty.proxy.requests.filter(at.execute).length, runs);
  forking.release();
  assert.equal(text(await branched), "1");
  assert.equal(text(await next), "11");
  await endsNoted(faulty.sql, path);
});

Deno.test("a source that sleeps is woken for it, and both hold a place", async () => {
  const tenant = `tenant-${crypto.randomUUID()}`;
  const client = await user(faulty.stack, tenant);
  await faulty.sql`insert into copilot_internal.tenants (tenant_id, sandbox_quota) values (${tenant}, 2)`;
  const { path, branch } = branching();
  const source = await invoke(client, "execute-code", { ...path, code: "x = 5" });
  await fallAsleep(faulty, path);
  const other = newPath();
  await invoke(client, "acquire-context", other);
  const { body: told } = await refused(client, "acquire-context", branch);
  assert.equal(told.code, "quota_exceeded");
  assert.equal(createdFor(faulty.provider, source.context.id)[0].state, "paused");
  await invoke(client, "terminate-context", other);
  const branched = await invoke(client, "execute-code", { ...branch, code: "x" });
  assert.equal(text(branched), "5");
  assert.equal(createdFor(faulty.provider, source.context.id)[0].state, "running");
  assert.equal((await refused(client, "acquire-context", newPath())).body.code, "quota_exceeded");
});

Deno.test("at the conversation's quota another path makes room for a branch, and not its source", async () => {
  const tenant = `tenant-${crypto.randomUUID()}`;
  const client = await user(faulty.stack, tenant);
  await faulty.sql`insert into copilot_internal.tenants (tenant_id, conversation_quota) values (${tenant}, 2)`;
  const { path, branch } = branching();
  const source = await invoke(client, "execute-code", { ...path, code: "x = 3" });
  await endsNoted(faulty.sql, path);
  const other = { ...path, path_id: "other" };
  await invoke(client, "acquire-context", other);
  const branched = await invoke(client, "execute-code", { ...branch, code: "x", evict: "least_recently_used" });
  assert.deepEqual([text(branched), branched.forked_from?.context_id], ["3", source.context.id]);
  assert.equal((await contexts(faulty.sql, other))[0].termination_reason, "evicted");
});

Deno.test("a fork that fails leaves the source as it was, and both paths work on", async () => {
  const client = await user(faulty.stack);
  for (const [status, code, retryable] of [[503, "sandbox_unavailable", true], [429, "rate_limited", true]] as const) {
    const { path, branch } = branching();
    const source = await invoke(client, "execute-code", { ...path, code: "x = 1" });
    const failing = faulty.proxy.intercept(at.fork, {
      kind: "answer",
      status,
      body: { code: status, message: "busy" },
    });
    const { body: told } = await refused(client, "acquire-context", branch);
    failing.end();
    assert.deepEqual([told.code, told.retryable], [code, retryable]);
    // At once, and not when a lease is over.
    const after = await invoke(client, "execute-code", { ...path, code: "x += 1; x" });
    assert.deepEqual([after.context.id, text(after)], [source.context.id, "2"]);
    assert.equal(text(await invoke(client, "execute-code", { ...branch, code: "x" })), "2");
  }
});

Deno.test("while the provider is just changing the source, forking waits and ends nothing", async () => {
  const client = await user(faulty.stack);
  const { path, branch } = branching();
  const source = await invoke(client, "execute-code", { ...path, code: "x = 1" });
  const message = `Sandbox 'i' cannot be forked while in 'snapshotting' state`;
  const changing = faulty.proxy.intercept(at.fork, { kind: "answer", status: 409, body: { code: 409, message } }, 3);
  const branched = await invoke(client, "execute-code", { ...branch, code: "x" });
  assert.equal(changing.left(), 0);
  assert.deepEqual([text(branched), branched.forked_from?.context_id], ["1", source.context.id]);
});

Deno.test("what cannot be copied is refused in words, once for all who wait, and the source goes on", async () => {
  const client = await user(faulty.stack);
  const { path, branch } = branching();
  await invoke(client, "execute-code", { ...path, code: "log = open('log', 'w')" });
  const { status, body: told } = await refused(client, "acquire-context", branch);
  assert.deepEqual([status, told.code, told.retryable], [409, "cannot_fork", false]);
  assert.match(told.message, /log/);
  await invoke(client, "execute-code", { ...path, code: "log.write('x'); log.close()" });
  assert.equal((await invoke(client, "acquire-context", branch)).forked_from?.path_id, path.path_id);
});

Deno.test("a fork whose kernel is lost before its first run is told of, as any other that has restarted", async () => {
  const client = await user(faulty.stack);
  const { path, branch } = branching();
  await invoke(client, "execute-code", { ...path, code: "x = 1" });
  await invoke(client, "execute-code", { ...path, code: "x = 2" });
  const branched = await invoke(client, "acquire-context", branch);
  const told = await service(faulty.stack).from("execution_contexts_overview").select("sandbox_id").eq(
    "context_id",
    branched.context.id,
  );
  assert.equal(told.error, null);
  await restartKernel(told.data[0].sandbox_id);
  const after = await invoke(client, "execute-code", { ...branch, code: "'x' in globals()" });
  assert.equal(text(after), "False");
  assert.equal(after.previous?.termination_reason, "kernel_restarted");
  assert.notEqual(after.state_id, branched.state_id);
});

/** Restarts a sandbox's Python behind our functions' back. */
async function restartKernel(sandboxId: string): Promise<void> {
  const control = { "X-API-KEY": faulty.provider.apiKey, "Content-Type": "application/json" };
  const connected = await fetch(`${faulty.provider.url}/v2/sandboxes/${sandboxId}/connect`, {
    method: "POST",
    headers: control,
    body: JSON.stringify({ timeout: 60 }),
  });
  const { envdAccessToken, trafficAccessToken } = await connected.json();
  const headers = {
    "e2b-sandbox-id": sandboxId,
    "e2b-sandbox-port": "49999",
    "X-Access-Token": envdAccessToken,
    "E2B-Traffic-Access-Token": trafficAccessToken ?? "",
  };
  const kernels: { id: string; language: string }[] =
    await (await fetch(`${faulty.provider.url}/contexts`, { headers })).json();
  const python = kernels.find(({ language }) => language === "python");
  const answer = await fetch(`${faulty.provider.url}/contexts/${python?.id}/restart`, { method: "POST", headers });
  assert.equal(answer.status, 200);
  await answer.body?.cancel();
}

Deno.test("a source that took long to wake is held anew before its fork: a run that has begun there is not cut", async () => {
  const client = await user(hasty.stack);
  const { path, branch } = branching();
  await invoke(client, "execute-code", { ...path, code: "x = 1" });
  await endsNoted(hasty.sql, path);
  await deadlinesMoved(hasty.sql, path);
  const waking = hasty.proxy.intercept(at.connect, { kind: "hold" });
  const branched = patiently(() => invoke(client, "execute-code", { ...branch, code: "x" }));
  await waking.reached();
  await eventually("it is held no more", async () => !await isHeld(hasty.sql, path));
  const running = hasty.proxy.intercept(at.execute, { kind: "hold_answer" });
  const run = invoke(client, "execute-code", { ...path, code: "x += 1; x" });
  const { headers } = await running.reached();
  const looks = hasty.database.answered.filter(at.holdSource).length;
  waking.release();
  await eventually("the fork waits", () => hasty.database.answered.filter(at.holdSource).length > looks + 1);
  assert.equal(created(hasty.provider).some(({ forkedFrom }) => forkedFrom === headers["e2b-sandbox-id"]), false);
  running.release();
  assert.equal(text(await run), "2");
  assert.equal(text(await branched), "2");
  await endsNoted(hasty.sql, path);
  await invoke(client, "terminate-context", { conversation_id: path.conversation_id });
});

/** Whether no run may begin on a path, for a fork's sake. */
async function isHeld(sql: postgres.Sql, { conversation_id, path_id }: ReturnType<typeof newPath>): Promise<boolean> {
  const [{ is_held }] = await sql`
    select coalesce(fork_until > clock_timestamp(), false) as is_held from copilot_internal.execution_contexts
    where conversation_id = ${conversation_id} and path_id = ${path_id} and terminated_at is null`;
  return is_held;
}

Deno.test("a request that may not make a second sandbox holds up no source", async () => {
  const client = await user(faulty.stack);
  const { path, branch } = branching();
  await invoke(client, "execute-code", { ...path, code: "x = 1" });
  await endsNoted(faulty.sql, path);
  const sending = faulty.proxy.intercept(at.execute, { kind: "hold" });
  const branched = refused(client, "execute-code", { ...branch, code: "x" });
  const { headers } = await sending.reached();
  const killed = await fetch(`${faulty.provider.url}/sandboxes/${headers["e2b-sandbox-id"]}`, {
    method: "DELETE",
    headers: { "X-API-KEY": faulty.provider.apiKey },
  });
  assert.equal(killed.status, 204);
  sending.release();
  assert.equal((await branched).body.code, "context_busy");
  assert.equal(await isHeld(faulty.sql, path), false);
});

Deno.test("while nobody knows whether the provider is at a fork, its source is held until the lease is over", async () => {
  const client = await user(faulty.stack);
  const { path, branch } = branching();
  await invoke(client, "execute-code", { ...path, code: "x = 1" });
  await endsNoted(faulty.sql, path);
  const unanswered = faulty.proxy.intercept(at.fork, { kind: "drop", when: "before" });
  const { body: told } = await refused(client, "acquire-context", branch);
  assert.deepEqual([told.code, told.retryable, unanswered.left()], ["sandbox_unavailable", true, 0]);
  assert.equal(await isHeld(faulty.sql, path), true);
  await invoke(client, "terminate-context", { conversation_id: path.conversation_id });
});

Deno.test("a branch for which no fork was asked takes no place", async () => {
  const client = await user(faulty.stack);
  const { path, branch } = branching();
  await invoke(client, "execute-code", { ...path, code: "x = 1" });
  await endsNoted(faulty.sql, path);
  await deadlinesMoved(faulty.sql, path);
  const refusal = faulty.proxy.intercept(at.connect, { kind: "answer", status: 503 });
  const { body: told } = await refused(client, "acquire-context", branch);
  refusal.end();
  assert.equal(told.code, "sandbox_unavailable");
  const places = await faulty.sql`
    select p.path_id from copilot_internal.execution_contexts c
    cross join lateral copilot_internal.places(c.tenant_id) p
    where c.conversation_id = ${path.conversation_id} and c.path_id = ${path.path_id} and c.terminated_at is null`;
  assert.deepEqual(places.map(({ path_id }) => path_id), [path.path_id]);
});

Deno.test("what a fork's maker leaves behind when it dies is swept, and nothing else of its line", async () => {
  const client = await user(hasty.stack);
  const { path, branch } = branching();
  const source = await invoke(client, "execute-code", { ...path, code: "x = 1" });
  const lost = hasty.proxy.intercept(at.fork, { kind: "hold_answer" });
  const { body: told } = await refused(client, "acquire-context", branch);
  assert.equal(told.code, "sandbox_timeout");
  lost.release();
  const again = await invoke(client, "execute-code", { ...branch, code: "x" });
  assert.equal(text(again), "1");
  const orphans = () => alive(hasty.provider).filter(({ forkedFrom }) => forkedFrom !== null).length - 1;
  assert.equal(orphans(), 1);
  await eventually("the orphan is swept", async () => {
    await sweepNow(hasty.stack, hasty.sql);
    return orphans() === 0;
  });
  assert.deepEqual([text(await invoke(client, "execute-code", { ...branch, code: "x" }))], ["1"]);
  assert.equal((await invoke(client, "execute-code", { ...path, code: "x" })).context.id, source.context.id);
});

// A fork is another Python, which a busy machine fills for seconds.
const hasty = useFaultyStack({ env: { ...impatient.env, CONTEXT_LEASE_SECONDS: "10" } });
