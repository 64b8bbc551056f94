/** Claims of idempotency keys by many connections at the same moment: one of them runs it, whatever else happens. */
import assert from "node:assert/strict";
import postgres from "postgres";
import { connection, useDatabase } from "../support/database.ts";
import { shared } from "../support/shared.ts";

const CONNECTIONS = 8;
const ROUNDS = 100;
/** Any number: whoever holds this lock holds the others back. */
const GATE = 1;

const database = useDatabase({ max: 1 });
const connections = shared(async (parts) => {
  await database.sql`select from public.copilot_claim_context(${CONTEXT}, 't', 'c', 'p', 60, 1800)`;
  return Array.from(
    { length: CONNECTIONS },
    () => connection(parts, postgres(database.url, { max: 1, onnotice: () => {} })),
  );
});

const CONTEXT = crypto.randomUUID();

interface Claim {
  readonly outcome: string;
  readonly answer: unknown;
}
interface Key {
  readonly key: string;
  readonly hash?: string;
  readonly id?: string;
}

const claimText = ({ key, hash = "hash", id = crypto.randomUUID() }: Key) =>
  `select outcome, answer from public.copilot_claim_execution('${id}', 't', '${key}', '${hash}', 'c', 'p', 60)`;
const claim = async (key: Key): Promise<Claim> => (await database.sql.unsafe<Claim[]>(claimText(key)))[0];

/** Runs a statement on each connection, in a transaction as PostgREST does, all let go at the same moment. */
async function together(statements: string[]): Promise<postgres.Row[]> {
  await database.sql`select pg_advisory_lock(${GATE})`;
  const results = statements.map((statement, index) =>
    connections()[index].unsafe(`select pg_advisory_xact_lock_shared(${GATE}); ${statement}`).simple()
  );
  const all = Promise.all(results);
  await waitingAtTheGate(statements.length);
  await database.sql`select pg_advisory_unlock(${GATE})`;
  return (await all).map((result) => (result as unknown as postgres.Row[][])[1][0]);
}

const waitingAtTheGate = (count: number) => waitingFor(["advisory"], count);
const waitingForRows = (count: number) => waitingFor(["transactionid", "tuple"], count);

/** Waits until so many connections to this database, whose cluster others use too, wait for such a lock. */
async function waitingFor(kinds: string[], count: number): Promise<void> {
  for (let waiting = 0; waiting < count;) {
    [{ waiting }] = await database.sql`
      select count(*)::integer as waiting from pg_locks join pg_stat_activity using (pid)
      where locktype = any (${kinds}) and not granted and datname = current_database()`;
  }
}

/** How often each outcome came. */
function tally(claims: readonly postgres.Row[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of claims) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

async function rounds(test: (key: string) => Promise<void>): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) await test(crypto.randomUUID());
}

const claims = (key: string, count: number) => Array.from({ length: count }, () => claimText({ key }));
const sendText = (id: string) => `select public.copilot_send_execution('${id}') = 'sent' as done`;
const answerText = (id: string) => `select public.copilot_answer_execution('${id}', '{"n":1}') as done`;
const lapseText = (id: string) =>
  `update copilot_internal.idempotency_keys set alive_until = clock_timestamp() where execution_id = '${id}'`;

Deno.test("a new key is claimed by one, and runs for all others", async () => {
  await rounds(async (key) => {
    assert.deepEqual(tally(await together(claims(key, CONNECTIONS))), { claimed: 1, running: CONNECTIONS - 1 });
  });
});

Deno.test("with two requests, one claims: those like it are told that it runs, the others that the key is taken", async () => {
  await rounds(async (key) => {
    const both = Array.from({ length: CONNECTIONS }, (_, index) => claimText({ key, hash: `hash ${index % 2}` }));
    assert.deepEqual(tally(await together(both)), {
      claimed: 1,
      running: CONNECTIONS / 2 - 1,
      mismatch: CONNECTIONS / 2,
    });
  });
});

Deno.test("a key that its holder gives up in this moment is claimed by one at most, and by one of those who ask again", async () => {
  await rounds(async (key) => {
    const id = crypto.randomUUID();
    assert.equal((await claim({ key, id })).outcome, "claimed");
    const release = `select public.copilot_release_execution('${id}') as done`;
    const [released, ...others] = await together([release, ...claims(key, CONNECTIONS - 1)]);
    assert.equal(released.done, true);
    const { claimed = 0, running = 0, ...rest } = tally(others);
    assert.deepEqual(rest, {});
    assert.equal(claimed + running, CONNECTIONS - 1);
    assert(claimed <= 1);

    const again = tally(await together(claims(key, CONNECTIONS)));
    assert.deepEqual(claimed + (again.claimed ?? 0), 1);
  });
});

Deno.test("a key that is given up between a claim's try and its look is tried again", () =>
  // Each try inserts, whether it finds the key free or not.
  betweenTryAndLook("insert", async (id) => {
    await database.sql`select public.copilot_release_execution(${id})`;
  }));

Deno.test("given up again and again, it is one's at a time, and everybody's once", async () => {
  const key = crypto.randomUUID();
  let holders = 0;
  let turns = 0;
  await Promise.all(
    connections().map(async (connection) => {
      for (let turn = 0; turn < ROUNDS / CONNECTIONS; turn++) {
        const id = crypto.randomUUID();
        for (;;) {
          const [{ outcome }] = await connection.unsafe(claimText({ key, id }));
          if (outcome === "claimed") break;
          assert.equal(outcome, "running");
        }
        assert.equal(++holders, 1);
        await connection`select`;
        assert.equal(holders--, 1);
        const [{ done }] = await connection`select public.copilot_release_execution(${id}) as done`;
        assert.equal(done, true);
        turns++;
      }
    }),
  );
  assert.equal(turns, Math.ceil(ROUNDS / CONNECTIONS) * CONNECTIONS);
});

Deno.test("an expired key is claimed by one, and nobody is told the old answer", async () => {
  await rounds(async (key) => {
    await expired(key);
    const answers = await together(claims(key, CONNECTIONS));
    assert.deepEqual(tally(answers), { claimed: 1, running: CONNECTIONS - 1 });
    assert(answers.every(({ answer }) => answer === null));
  });
});

Deno.test("also while the clean-up deletes it", async () => {
  await rounds(async (key) => {
    await expired(key);
    const cleanUp = "select deleted_count from copilot_internal.cleanup_executions()";
    const [{ deleted_count }, ...others] = await together([cleanUp, ...claims(key, CONNECTIONS - 1)]);
    assert(deleted_count <= 1);
    assert.deepEqual(tally(others), { claimed: 1, running: CONNECTIONS - 2 });
  });
});

Deno.test("while its holder ends, everybody is told that it runs or its answer, and never to run it", async () => {
  await rounds(async (key) => {
    const id = crypto.randomUUID();
    assert.equal((await claim({ key, id })).outcome, "claimed");
    const keep = `select public.copilot_keep_execution('${id}', 60) as done`;
    const [answered, , ...others] = await together([answerText(id), keep, ...claims(key, CONNECTIONS - 2)]);
    assert.equal(answered.done, true);
    for (const { outcome, answer } of others) {
      assert.deepEqual(answer, outcome === "finished" ? { n: 1 } : null);
      assert.match(outcome, /^(running|finished)$/);
    }
    assert.deepEqual(await claim({ key }), { outcome: "finished", answer: { n: 1 } });
  });
});

Deno.test("a key whose holder died before it sent anything is taken over by one", async () => {
  await rounds(async (key) => {
    const dead = await unheardOf(key);
    const ids = Array.from({ length: CONNECTIONS }, () => crypto.randomUUID());
    const all = await together(ids.map((id) => claimText({ key, id })));
    assert.deepEqual(tally(all), { claimed: 1, running: CONNECTIONS - 1 });
    const [{ execution_id, is_alive, sent_at }] = await database.sql`
      select execution_id, alive_until > clock_timestamp() + interval '50 s' as is_alive, sent_at
      from copilot_internal.idempotency_keys where idempotency_key = ${key}`;
    assert.equal(execution_id, ids[all.findIndex(({ outcome }) => outcome === "claimed")]);
    assert.deepEqual([is_alive, sent_at], [true, null]);
    assert.equal((await database.sql.unsafe(sendText(dead)))[0].done, false);
  });
});

Deno.test("also when its lease ends between a claim's try and its look", () =>
  betweenTryAndLook("update", async (id) => {
    await database.sql.unsafe(lapseText(id));
  }));

Deno.test("by one of those with its request, whoever else asks", async () => {
  await rounds(async (key) => {
    await unheardOf(key);
    const both = Array.from(
      { length: CONNECTIONS },
      (_, index) => claimText({ key, hash: index % 2 === 0 ? "hash" : "other" }),
    );
    assert.deepEqual(tally(await together(both)), {
      claimed: 1,
      running: CONNECTIONS / 2 - 1,
      mismatch: CONNECTIONS / 2,
    });
  });
});

Deno.test("either its holder, who was only slow, sends it, or one who takes it over does: never both", async () => {
  let round = 0;
  await rounds(async (key) => {
    const slow = await unheardOf(key);
    // In turn, as who is let go first often wins.
    const at = round++ % 2 === 0 ? 0 : CONNECTIONS - 1;
    const statements = claims(key, CONNECTIONS - 1);
    statements.splice(at, 0, sendText(slow));
    const all = await together(statements);
    const [{ done }] = all.splice(at, 1);
    assert.deepEqual(
      tally(all),
      done ? { lost: CONNECTIONS - 1 } : { claimed: 1, running: CONNECTIONS - 2 },
    );
  });
});

Deno.test("a holder that sends while its key is being taken over waits, and is told", async () => {
  for (const takesOver of [true, false]) {
    const key = crypto.randomUUID();
    const slow = await unheardOf(key);
    let sent: Promise<postgres.Row[]> | undefined;
    const abort = new Error("rolled back");
    await connections()[0].begin(async (transaction) => {
      assert.equal((await transaction.unsafe(claimText({ key })))[0].outcome, "claimed");
      sent = connections()[1].unsafe(sendText(slow)).execute();
      await waitingForRows(1);
      if (!takesOver) throw abort;
    }).catch((error) => assert.equal(error, abort));
    assert.equal((await sent!)[0].done, !takesOver);
    assert.equal((await claim({ key })).outcome, takesOver ? "running" : "lost");
  }
});

Deno.test("who takes a key over while its holder sends waits, and is told that nobody knows", async () => {
  for (const sends of [true, false]) {
    const key = crypto.randomUUID();
    const slow = await unheardOf(key);
    let taken: Promise<postgres.Row[]> | undefined;
    const abort = new Error("rolled back");
    await connections()[0].begin(async (transaction) => {
      assert.equal((await transaction.unsafe(sendText(slow)))[0].done, true);
      taken = connections()[1].unsafe(claimText({ key })).execute();
      await waitingForRows(1);
      if (!sends) throw abort;
    }).catch((error) => assert.equal(error, abort));
    assert.equal((await taken!)[0].outcome, sends ? "lost" : "claimed");
  }
});

Deno.test("a holder that is back in time keeps its key, or one takes it over: never both", async () => {
  await rounds(async (key) => {
    const slow = await unheardOf(key);
    const keep = `select public.copilot_keep_execution('${slow}', 60) as done`;
    const [{ done }, ...others] = await together([keep, ...claims(key, CONNECTIONS - 1)]);
    assert.deepEqual(tally(others), done ? { running: CONNECTIONS - 1 } : { claimed: 1, running: CONNECTIONS - 2 });
    assert.equal((await database.sql.unsafe(sendText(slow)))[0].done, done);
  });
});

Deno.test("an execution whose beginning and end come at the same moment, several times each, has ended once", async () => {
  await rounds(async () => {
    const id = crypto.randomUUID();
    const finish = `select public.copilot_finish_execution('${id}', '${CONTEXT}', 'python', 'ok', 1, 1) as done`;
    const start = `select public.copilot_start_execution('${id}', '${CONTEXT}', 'python', 60000) as done`;
    await together(Array.from({ length: CONNECTIONS }, (_, index) => index % 2 === 0 ? start : finish));
    const rows = await database.sql`select status from copilot_internal.executions where id = ${id}`;
    assert.deepEqual(rows.map(({ status }) => status), ["ok"]);
  });
});

/** Lets something happen to a key's holder after another claim's last try, before it looks at whose the key is. */
async function betweenTryAndLook(
  lastTry: "insert" | "update",
  happen: (holder: string) => Promise<void>,
): Promise<void> {
  await database.sql.unsafe(`
    create function pg_temp.wait() returns trigger language plpgsql as $$
    begin
      perform pg_advisory_xact_lock_shared(${GATE});
      return null;
    end $$;
    create trigger wait after ${lastTry} on copilot_internal.idempotency_keys execute function pg_temp.wait();`);
  const key = crypto.randomUUID();
  const id = crypto.randomUUID();
  await claim({ key, id });
  await database.sql`select pg_advisory_lock(${GATE})`;
  const tried = connections()[0].unsafe<Claim[]>(claimText({ key })).execute();
  await waitingAtTheGate(1);
  await happen(id);
  await database.sql`select pg_advisory_unlock(${GATE})`;
  assert.equal((await tried)[0].outcome, "claimed");
  await database.sql`drop function pg_temp.wait() cascade`;
}

/** Makes a key whose holder, which is told, has not been heard of for too long and has sent nothing. */
async function unheardOf(key: string): Promise<string> {
  const id = crypto.randomUUID();
  assert.equal((await claim({ key, id })).outcome, "claimed");
  await database.sql.unsafe(lapseText(id));
  return id;
}

/** Makes a key whose answer was kept until now. */
async function expired(key: string): Promise<void> {
  const id = crypto.randomUUID();
  await claim({ key, id });
  await database.sql.unsafe(answerText(id));
  assert.equal((await claim({ key })).outcome, "finished");
  await database
    .sql`update copilot_internal.idempotency_keys set expires_at = clock_timestamp() where execution_id = ${id}`;
}
