/** The queries that alert: each finds what it is for, nothing otherwise, and reads no history for it. */
import assert from "node:assert/strict";
import type postgres from "postgres";
import { z } from "zod";
import { addCron } from "../support/cron.ts";
import { useDatabase } from "../support/database.ts";
import { codeUnder, headingsUnder } from "./document.ts";

const database = useDatabase({ max: 2 });

const context = (sql: postgres.TransactionSql, columns: Record<string, unknown>) =>
  sql`
    insert into copilot_internal.execution_contexts ${
    sql({ tenant_id: "t", conversation_id: "c", path_id: crypto.randomUUID(), ttl_seconds: 60, ...columns })
  }`;
const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000);
const owed = (sql: postgres.TransactionSql, minutes: number) =>
  context(sql, {
    sandbox_status: "terminated",
    sandbox_id: crypto.randomUUID(),
    activated_at: ago(60),
    expires_at: ago(30),
    terminated_at: ago(minutes),
    termination_reason: "expired",
  });
const lost = async (sql: postgres.TransactionSql, count: number, minutes: number) => {
  await sql`
    insert into copilot_internal.executions
      (id, context_id, tenant_id, conversation_id, path_id, language, status, deadline_at, finished_at)
    select gen_random_uuid(), gen_random_uuid(), 't', 'c', 'p', 'python', 'lost', now(), ${ago(minutes)}
    from generate_series(1, ${count}::integer)`;
};
const job = async (sql: postgres.TransactionSql, status: string) => {
  await addCron(sql);
  await sql`insert into cron.job_run_details select jobid, jobid, ${status}, now(), now() from cron.job`;
};

/** What nearly is a fault, and what is one. */
const alerts: Record<
  string,
  { well: (sql: postgres.TransactionSql) => Promise<unknown>; ill: (sql: postgres.TransactionSql) => Promise<unknown> }
> = {
  "No sweep": {
    well: (sql) => sql`update copilot_internal.sweep_place set swept_at = ${ago(4)}`,
    ill: (sql) => sql`update copilot_internal.sweep_place set swept_at = ${ago(6)}`,
  },
  "Kills owed": { well: (sql) => owed(sql, 4), ill: (sql) => owed(sql, 6) },
  "Claims past their lease": {
    well: (sql) => context(sql, { sandbox_status: "creating", expires_at: ago(1) }),
    ill: (sql) => context(sql, { sandbox_status: "creating", expires_at: ago(3) }),
  },
  "Executions lost": {
    well: async (sql) => {
      await lost(sql, 4, 1);
      await lost(sql, 4, 70);
    },
    ill: (sql) => lost(sql, 1, 1),
  },
  "Jobs that fail": {
    well: (sql) => job(sql, "succeeded"),
    ill: (sql) => sql`update cron.job_run_details set status = 'failed'`,
  },
};

Deno.test("there are five", async () => {
  assert.deepEqual(await headingsUnder("Alerts"), Object.keys(alerts));
  assert.equal(Object.keys(alerts).length, 5);
});

/** Undoes what a test did. */
class Undo extends Error {}

for (const [heading, { well, ill }] of Object.entries(alerts)) {
  Deno.test(`the alert "${heading}" finds what it is for, and nothing otherwise`, async () => {
    const [query] = await codeUnder(heading, "sql");
    await assert.rejects(
      database.sql.begin(async (sql) => {
        await well(sql);
        assert.deepEqual([...await sql.unsafe(query)], []);
        await ill(sql);
        assert.equal((await sql.unsafe(query)).length, 1);
        throw new Undo();
      }),
      Undo,
    );
  });
}

interface Plan {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly Plans?: readonly Plan[];
}
const planSchema: z.ZodType<Plan> = z.object({
  "Node Type": z.string(),
  "Relation Name": z.string().optional(),
  get Plans() {
    return z.array(planSchema).optional();
  },
});

/** The tables that a query reads from their beginning to their end. */
async function readWhole(sql: postgres.TransactionSql, query: string): Promise<string[]> {
  const [row] = await sql.unsafe(`explain (format json) ${query}`);
  const [{ Plan }] = z.array(z.object({ Plan: planSchema })).parse(row["QUERY PLAN"]);
  const nodes = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)];
  return nodes(Plan).filter((node) => node["Node Type"] === "Seq Scan").map((node) => node["Relation Name"] ?? "");
}

Deno.test("beside a history, neither the alerts nor the overview nor the health read it", async () => {
  await assert.rejects(
    database.sql.begin(async (sql) => {
      await sql`
        insert into copilot_internal.execution_contexts (
          tenant_id, conversation_id, path_id, sandbox_id, sandbox_status, ttl_seconds, activated_at, expires_at,
          terminated_at, termination_reason, sandbox_killed_at
        )
        select 't', 'c', 'p' || n, 's' || n, 'terminated', 60, at, at, at, 'expired', at
        from generate_series(1, 20000) n, lateral (select now() - make_interval(mins => n) as at) t`;
      await sql`
        insert into copilot_internal.executions
          (id, context_id, tenant_id, conversation_id, path_id, language, status, started_at, deadline_at, finished_at)
        select gen_random_uuid(), gen_random_uuid(), 't', 'c', 'p', 'python', 'ok', at, at, at
        from generate_series(1, 20000) n, lateral (select now() - make_interval(mins => n) as at) t`;
      await sql`
        insert into copilot_internal.execution_contexts
          (tenant_id, conversation_id, path_id, sandbox_id, sandbox_status, ttl_seconds, activated_at, expires_at)
        select 't', 'c', 'active ' || n, 'active ' || n, 'ready', 60, now(), now() + interval '1 hour'
        from generate_series(1, 100) n`;
      await sql`analyze copilot_internal.execution_contexts`;
      await sql`analyze copilot_internal.executions`;
      await job(sql, "succeeded");
      const queries = await Promise.all(
        Object.keys(alerts).map(async (heading) => (await codeUnder(heading, "sql"))[0]),
      );
      // What a function runs is hidden from EXPLAIN.
      const bodies = await sql`
        select prosrc from pg_proc
        where oid in ('public.copilot_health()'::regprocedure, 'copilot_internal.overview()'::regprocedure)`;
      for (const query of [...queries, ...bodies.map(({ prosrc }) => prosrc)]) {
        const tables = await readWhole(sql, query);
        for (const table of ["execution_contexts", "executions"]) assert(!tables.includes(table), `${table}: ${query}`);
      }
      // The test can tell.
      assert.deepEqual(await readWhole(sql, "select from copilot_internal.executions where language = 'r'"), [
        "executions",
      ]);
      throw new Undo();
    }),
    Undo,
  );
});
