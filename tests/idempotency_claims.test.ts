/** Claims of idempotency keys by many connections at the same moment: one of them runs it, whatever else happens. */
import assert from "node:assert/strict";
import postgres from "postgres";
import { migrate } from "../local/migrate.ts";
import { type Postgres, startPostgres } from "../local/postgres.ts";

const CONNECTIONS = 8;
const ROUNDS = 100;
/** Any number: whoever holds this lock holds the others back. */
const GATE = 1;

let server: Postgres;
let sql: postgres.Sql;
let connections: postgres.Sql[];
Deno.test.beforeAll(async () => {
  server = await startPostgres();
  await migrate(server.url);
  const connect = () => postgres(server.url, { max: 1, onnotice: () => {} });
  sql = connect();
  connections = Array.from({ length: CONNECTIONS }, connect);
  await sql`select from public.claim_execution_context(${CONTEXT}, 't', 'c', 'p', 60, 1800)`;
});
Deno.test.afterAll(async () => {
  await Promise.all([sql, ...connections].map((connection) => connection.end()));
  await server.stop();
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
  `select outcome, answer from public.claim_execution('${id}', 't', '${key}', '${hash}', 60)`;
const claim = async (key: Key): Promise<Claim> => (await sql.unsafe<Claim[]>(claimText(key)))[0];

/** Runs a statement on each connection, in a transaction as PostgREST does, all let go at the same moment. */
async function together(statements: string[]): Promise<postgres.Row[]> {
  await sql`select pg_advisory_lock(${GATE})`;
  const results = statements.map((statement, index) =>
    connections[index].unsafe(`select pg_advisory_xact_lock_shared(${GATE}); ${statement}`).simple()
  );
  const all = Promise.all(results);
  await waitingAtTheGate(statements.length);
  await sql`select pg_advisory_unlock(${GATE})`;
  return (await all).map((result) => (result as unknown as postgres.Row[][])[1][0]);
}

async function waitingAtTheGate(count: number): Promise<void> {
  for (let waiting = 0; waiting < count;) {
    [{ waiting }] = await sql`
      select count(*)::integer as waiting from pg_locks where locktype = 'advisory' and not granted`;
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
const finishText = (id: string) =>
  `select public.finish_execution('${id}', '${CONTEXT}', 'python', 'ok', 1, 1, null, '{"n":1}') as done`;

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
    const release = `select public.release_execution('${id}') as done`;
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

Deno.test("a key that is given up between a claim's try and its look is tried again", async () => {
  // After each try, whether it found the key free or not.
  await sql.unsafe(`
    create function pg_temp.wait() returns trigger language plpgsql as $$
    begin
      perform pg_advisory_xact_lock_shared(${GATE});
      return null;
    end $$;
    create trigger wait after insert on copilot_internal.idempotency_keys execute function pg_temp.wait();`);
  const key = crypto.randomUUID();
  const id = crypto.randomUUID();
  await claim({ key, id });
  await sql`select pg_advisory_lock(${GATE})`;
  const tried = connections[0].unsafe<Claim[]>(claimText({ key })).execute();
  await waitingAtTheGate(1);
  await sql`select public.release_execution(${id})`;
  await sql`select pg_advisory_unlock(${GATE})`;
  assert.equal((await tried)[0].outcome, "claimed");
  await sql`drop trigger wait on copilot_internal.idempotency_keys`;
});

Deno.test("given up again and again, it is one's at a time, and everybody's once", async () => {
  const key = crypto.randomUUID();
  let holders = 0;
  let turns = 0;
  await Promise.all(connections.map(async (connection) => {
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
      const [{ done }] = await connection`select public.release_execution(${id}) as done`;
      assert.equal(done, true);
      turns++;
    }
  }));
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
    const keep = `select public.keep_execution('${id}', 60) as done`;
    const [finished, , ...others] = await together([finishText(id), keep, ...claims(key, CONNECTIONS - 2)]);
    assert.equal(finished.done, true);
    for (const { outcome, answer } of others) {
      assert.deepEqual(answer, outcome === "finished" ? { n: 1 } : null);
      assert.match(outcome, /^(running|finished)$/);
    }
    assert.deepEqual(await claim({ key }), { outcome: "finished", answer: { n: 1 } });
  });
});

Deno.test("an execution whose beginning and end come at the same moment, several times each, has ended once", async () => {
  await rounds(async () => {
    const id = crypto.randomUUID();
    const start = `select public.start_execution('${id}', '${CONTEXT}', 'python', 60000) as done`;
    await together(Array.from({ length: CONNECTIONS }, (_, index) => index % 2 === 0 ? start : finishText(id)));
    const rows = await sql`select status from copilot_internal.executions where id = ${id}`;
    assert.deepEqual(rows.map(({ status }) => status), ["ok"]);
  });
});

/** Makes a key whose answer was kept until now. */
async function expired(key: string): Promise<void> {
  const id = crypto.randomUUID();
  await claim({ key, id });
  await sql.unsafe(finishText(id));
  assert.equal((await claim({ key })).outcome, "finished");
  await sql`update copilot_internal.idempotency_keys set expires_at = clock_timestamp() where execution_id = ${id}`;
}
