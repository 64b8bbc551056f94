/**
 * The order of calls of the system that this one grew from: a row is read, its sandbox connected to, the row touched, and
 * then code runs; for a new path a sandbox is made first, and the row inserted after it.
 */
import { Sandbox } from "@e2b/code-interpreter";
import { createClient } from "@supabase/supabase-js";
import type postgres from "postgres";
import assert from "node:assert/strict";
import { newPath } from "../../support/clients.ts";
import { eventually } from "../../support/settle.ts";
import type { Scene } from "./scene.ts";
import { options, runCode } from "./sdk.ts";
import { ANSWER, type Way } from "./way.ts";

const TABLE = "seed_contexts";
/** As its idle time and its sandboxes' life were, in milliseconds. */
const IDLE_MILLISECONDS = 30 * 60_000;
const LIFE_MILLISECONDS = 10 * 60_000;

export async function seed(scene: Scene, sql: postgres.Sql): Promise<Way[]> {
  const { database, stack } = scene;
  const client = createClient(database.url, stack.secretKey, { auth: { persistSession: false } });
  await sql`
    create table public.${sql(TABLE)} (
      id uuid primary key default gen_random_uuid(),
      conversation_id text not null,
      path_id text not null,
      sandbox_id text not null,
      sandbox_status text not null default 'creating',
      last_used_at timestamptz not null default now(),
      expires_at timestamptz not null,
      terminated_at timestamptz
    )`;
  await sql`
    create unique index on public.${sql(TABLE)} (conversation_id, path_id) where terminated_at is null`;
  await sql`grant all on public.${sql(TABLE)} to service_role`;
  await sql`notify pgrst, 'reload schema'`;
  const find = async ({ conversation_id, path_id }: ReturnType<typeof newPath>) => {
    const { data } = await client.from(TABLE).select().match({ conversation_id, path_id }).is("terminated_at", null)
      .maybeSingle<{ id: string; sandbox_id: string }>().throwOnError();
    return data;
  };
  const expiresAt = () => new Date(Date.now() + IDLE_MILLISECONDS).toISOString();
  const insert = async (path: ReturnType<typeof newPath>, sandbox_id: string) => {
    const row = { ...path, sandbox_id, sandbox_status: "ready", expires_at: expiresAt() };
    await client.from(TABLE).insert(row).select().single().throwOnError();
  };
  const touch = async (id: string) => {
    const row = { last_used_at: new Date().toISOString(), expires_at: expiresAt() };
    await client.from(TABLE).update(row).eq("id", id).throwOnError();
  };
  const create = async () => {
    const fresh = newPath();
    assert.equal(await find(fresh), null);
    const sandbox = await Sandbox.create({ ...options(scene), timeoutMs: LIFE_MILLISECONDS });
    await insert(fresh, sandbox.sandboxId);
    return sandbox;
  };
  // It reads a table that it does not know yet, and writes none.
  await eventually(
    "PostgREST knows the table",
    () => insert(scene.path, scene.sandboxId).then(() => true, () => false),
  );

  return [
    {
      name: "the seed's calls, warm",
      run: async (watch) => {
        const context = await find(scene.path);
        assert(context);
        const sandbox = await Sandbox.connect(context.sandbox_id, options(scene));
        await touch(context.id);
        await runCode(sandbox, watch);
      },
    },
    {
      name: "the seed's calls, new path, no code",
      run: async (watch) => {
        const sandbox = await create();
        watch.mark(ANSWER);
        return () => sandbox.kill();
      },
    },
    {
      name: "the seed's calls, new path",
      run: async (watch) => {
        const sandbox = await create();
        await runCode(sandbox, watch);
        return () => sandbox.kill();
      },
    },
  ];
}
