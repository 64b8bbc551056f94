/** The algorithm that this system replaces, for comparison: look, create, insert, adopt the winner's, kill one's own. */
import { Sandbox } from "e2b";
import type postgres from "postgres";
import { z } from "zod";

export interface Race {
  readonly callers: number;
  readonly creates: number;
  readonly orphans: number;
}

const TABLE = "baseline_contexts";

/** Makes the baseline's own table, with the partial unique index that it has too. */
export async function prepareBaseline(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(`
    create table ${TABLE} (path_id text not null, sandbox_id text not null, terminated_at timestamptz);
    create unique index on ${TABLE} (path_id) where terminated_at is null`).simple();
}

/** One caller's get-or-create. Its errors are its caller's 500s. */
export async function baselineAcquire(
  sql: postgres.Sql,
  e2b: { apiUrl: string; apiKey: string },
  path: string,
): Promise<void> {
  const options = { ...e2b, validateApiKey: false, retries: 0 };
  const [existing] = await sql.unsafe(
    `select sandbox_id from ${TABLE} where path_id = $1 and terminated_at is null`,
    [path],
  );
  if (existing) return;
  const sandbox = await Sandbox.create({ ...options, metadata: { baseline: path }, timeoutMs: 600_000 });
  try {
    await sql.unsafe(`insert into ${TABLE} (path_id, sandbox_id) values ($1, $2)`, [path, sandbox.sandboxId]);
  } catch (error) {
    if (z.object({ code: z.literal("23505") }).safeParse(error).success) {
      // As it was: a kill that fails is logged, and forgotten.
      await Sandbox.kill(sandbox.sandboxId, options).catch(() => {});
      return;
    }
    await Sandbox.kill(sandbox.sandboxId, options).catch(() => {});
    throw error;
  }
}
