/** An execution and a fork never meet half-way: whichever comes first, the other one waits. */
import assert from "node:assert/strict";
import { useDatabase } from "../support/database.ts";
import { eventually } from "../support/settle.ts";

const database = useDatabase({ max: 4, fetch_types: false });

/** A source, and a claim that is to be forked from it, whose holder has not been heard of for a lease. */
async function lateFork() {
  const [source, fork, tenant] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()];
  const { sql } = database;
  await sql`select * from public.copilot_claim_context(${source}, ${tenant}, 'c', 'source', 60, 1, p_keep_seconds => 3600)`;
  await sql`select * from public.copilot_activate_context(${source}, ${tenant}, p_sandbox_seconds => 90)`;
  await sql`
    select * from public.copilot_claim_context(
      ${fork}, ${tenant}, 'c', 'fork', 60, 1, p_keep_seconds => 3600, p_from_path_id => 'source'
    )`;
  await sql`
    update copilot_internal.execution_contexts
    set fork_until = clock_timestamp(), expires_at = clock_timestamp(), sandbox_deadline_at = clock_timestamp()
    where id = ${source}`;
  return { source, fork, tenant };
}

const execute = async (tenant: string, execution: string) =>
  (await database.sql`
    select outcome from public.copilot_claim_context(
      ${crypto.randomUUID()}, ${tenant}, 'c', 'source', 60, 1,
      p_execution_id => ${execution}, p_language => 'python', p_open_seconds => 60
    )`)[0].outcome;
const hold = async (fork: string) =>
  (await database.sql`select outcome from public.copilot_hold_source(${fork}, 60)`)[0].outcome;

Deno.test("an execution that is about to wake a context waits for a fork that has just begun to hold it", async () => {
  const { fork, tenant } = await lateFork();
  const execution = crypto.randomUUID();
  const { sql } = database;
  // Another claim of the tenant is under way, so this one has looked, and waits for its turn.
  const claim = await sql.begin(async (others) => {
    await others`select copilot_internal.lock_claims(${tenant})`;
    const claim = execute(tenant, execution);
    await eventually("it waits", async () => {
      const waiting = await sql`
        select from pg_locks join pg_stat_activity using (pid)
        where locktype = 'advisory' and not granted and datname = current_database()`;
      return waiting.length > 0;
    });
    assert.equal(await hold(fork), "still");
    return { claim };
  });
  assert.equal(await claim.claim, "pending");
  const [{ is_waiting }] = await sql`select is_waiting from copilot_internal.open_executions where id = ${execution}`;
  assert.equal(is_waiting, true);
  assert.equal(await hold(fork), "still");
});

Deno.test("a fork waits for an execution that has just woken the context", async () => {
  const { fork, tenant } = await lateFork();
  assert.equal(await execute(tenant, crypto.randomUUID()), "reused");
  assert.equal(await hold(fork), "running");
});

Deno.test("a source is held for a claim that has ended, whose holder does not know it yet", async () => {
  const [source, first, second, tenant] = Array.from({ length: 4 }, () => crypto.randomUUID());
  const { sql } = database;
  await sql`select * from public.copilot_claim_context(${source}, ${tenant}, 'c', 'source', 60, 60)`;
  await sql`select * from public.copilot_activate_context(${source}, ${tenant}, p_sandbox_seconds => 90)`;
  const branch = (claim: string) =>
    sql`select * from public.copilot_claim_context(${claim}, ${tenant}, 'c', 'fork', 60, 60, p_from_path_id => 'source')`;
  await branch(first);
  assert.equal(await hold(first), "still");
  await sql`select * from public.copilot_terminate_contexts(${tenant}, 'c', 'fork')`;
  await branch(second);
  assert.equal(await hold(second), "still");
  await sql`select * from public.copilot_activate_context(${second}, ${crypto.randomUUID()}, p_is_fork => true)`;
  const letGo = (claim: string) => sql`select public.copilot_let_source_go(${claim}, ${source})`;
  await letGo(second);
  // The first one's holder forks now.
  assert.equal(await execute(tenant, crypto.randomUUID()), "pending");
  await letGo(first);
  assert.equal(await execute(tenant, crypto.randomUUID()), "reused");
});

Deno.test("a claim that comes after its own repetition does not make who runs wait", async () => {
  const [source, fork, tenant, execution] = Array.from({ length: 4 }, () => crypto.randomUUID());
  const { sql } = database;
  const claim = async (askedAt: number) =>
    (await sql`
      select outcome from public.copilot_claim_context(
        ${crypto.randomUUID()}, ${tenant}, 'c', 'source', 60, 60,
        p_execution_id => ${execution}, p_language => 'python', p_open_seconds => 60, p_asked_at => ${askedAt}
      )`)[0].outcome;
  await sql`select * from public.copilot_claim_context(${source}, ${tenant}, 'c', 'source', 60, 60)`;
  await sql`select * from public.copilot_activate_context(${source}, ${tenant}, p_sandbox_seconds => 90)`;
  assert.equal(await claim(1), "reused");
  await sql`select * from public.copilot_claim_context(${fork}, ${tenant}, 'c', 'fork', 60, 60, p_from_path_id => 'source')`;
  for (const late of [1, 0]) {
    assert.equal(await claim(late), "pending");
    assert.equal(await hold(fork), "running");
  }
  // Its sandbox was gone, so it has claimed anew.
  assert.equal(await claim(2), "pending");
  assert.equal(await hold(fork), "still");
});

Deno.test("a fork waits for an execution as long as its process says that it is alive, also after a crash of the database", async () => {
  const [source, fork, tenant, execution] = Array.from({ length: 4 }, () => crypto.randomUUID());
  const { sql } = database;
  await sql`select * from public.copilot_claim_context(${source}, ${tenant}, 'c', 'source', 60, 60)`;
  await sql`select * from public.copilot_activate_context(${source}, ${tenant}, p_sandbox_seconds => 90)`;
  assert.equal(await execute(tenant, execution), "reused");
  await sql`select * from public.copilot_start_execution(${execution}, ${source}, 'python', 60000)`;
  await sql`select * from public.copilot_claim_context(${fork}, ${tenant}, 'c', 'fork', 60, 60, p_from_path_id => 'source')`;
  assert.equal(await hold(fork), "running");
  // Its process has died.
  await sql`update copilot_internal.open_executions set alive_until = clock_timestamp() where id = ${execution}`;
  assert.equal(await hold(fork), "still");
  // It was only slow.
  await sql`select * from public.copilot_stopped_executions(array[${execution}]::uuid[])`;
  assert.equal(await hold(fork), "running");
  await sql`delete from copilot_internal.open_executions where id = ${execution}`;
  await sql`select * from public.copilot_stopped_executions(array[${execution}]::uuid[])`;
  assert.equal(await hold(fork), "running");
  await sql`select * from public.copilot_finish_execution(${execution}, ${source}, 'python', 'ok', 1, 1)`;
  await sql`select * from public.copilot_stopped_executions(array[${execution}]::uuid[])`;
  assert.equal(await hold(fork), "still");
});
