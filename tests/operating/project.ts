/** What an operator has in hand: a database that outlives deployments, its SQL editor, and E2B teams. */
import postgres from "postgres";
import { type E2BServer, startE2B, TEMPLATES } from "../../local/e2b/server.ts";
import { connection, type Database, startDatabase } from "../support/database.ts";

export interface Project extends AsyncDisposable {
  readonly database: Database;
  /** The SQL editor. */
  readonly sql: postgres.Sql;
  /** Another E2B team. */
  team(): Promise<E2BServer>;
}

export async function startProject(): Promise<Project> {
  await using parts = new AsyncDisposableStack();
  const database = parts.use(await startDatabase());
  const sql = connection(parts, postgres(database.url, { max: 2, onnotice: () => {} }));
  const kept = parts.move();
  return {
    database,
    sql,
    team: async () => kept.adopt(await startE2B({ templates: [...TEMPLATES, "my-template"] }), ({ stop }) => stop()),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** The faces of Supabase's Vault and of pg_net, neither of which can be installed here. What pg_net is to send is kept. */
export async function addVault(sql: Pick<postgres.Sql, "unsafe">): Promise<void> {
  await sql.unsafe(`
    create schema vault;
    create table vault.secrets (id uuid primary key default gen_random_uuid(), name text unique, secret text);
    create view vault.decrypted_secrets as select id, name, secret, secret as decrypted_secret from vault.secrets;
    create function vault.create_secret(new_secret text, new_name text) returns uuid language sql as
      'insert into vault.secrets (secret, name) values (new_secret, new_name) returning id';
    create function vault.update_secret(secret_id uuid, new_secret text) returns void language sql as
      'update vault.secrets set secret = new_secret where id = secret_id';
    create schema net;
    create table net.requests (id bigint generated always as identity, url text, body jsonb, headers jsonb);
    create function net.http_post(url text, body jsonb default '{}', params jsonb default '{}',
      headers jsonb default '{}', timeout_milliseconds integer default 5000) returns bigint language sql as
      'insert into net.requests (url, body, headers) values (url, body, headers) returning id'`).simple();
}
