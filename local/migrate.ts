/** Brings a database to the state of `supabase/migrations`, as `supabase db push` does. */

import { join } from "node:path";
import postgres from "postgres";
import { z } from "zod";
import { AUTH_SCHEMA } from "./auth/schema.ts";
import { MIGRATIONS } from "./repository.ts";

export interface MigrateOptions {
  /** Where the `<timestamp>_<name>.sql` files are; default `supabase/migrations`. */
  readonly directory?: string;
  /** Gives the role `authenticator` this password, for a database that is the caller's own. */
  readonly authenticatorPassword?: string;
  /**
   * Refuses a database in which a migration was applied that is another one now, or is no more. Only for a database that
   * this function has migrated: others record a migration in another form.
   */
  readonly refusesChanged?: boolean;
  /** Called with each NOTICE and WARNING, and with the name of each file that is not a migration. */
  readonly onNotice?: (message: string) => void;
}

/** One file, as `supabase_migrations.schema_migrations` records it. */
interface Migration {
  readonly version: string;
  readonly name: string;
  readonly file: string;
}

/** Any number, as long as nobody else locks it: it keeps two processes from migrating the same database at once. */
const LOCK = 4_127_501_938;

/**
 * Roles as a Supabase project has them. New objects get no grants, as on Supabase since October 2026, so a migration
 * that forgets one fails here and not only there. Roles belong to the cluster, and the lock does not reach beyond the
 * database: another database's migration may make a role between the look and the leap.
 */
const BOOTSTRAP = `
-- "Already exists, skipping" is what being idempotent sounds like.
set client_min_messages to warning;
do $$
declare
  v_role record;
begin
  for v_role in
    select *
    from (values
      ('anon', 'nologin noinherit'),
      ('authenticated', 'nologin noinherit'),
      ('service_role', 'nologin noinherit bypassrls'),
      ('authenticator', 'login noinherit')
    ) as role (name, attributes)
  loop
    begin
      if not exists (select from pg_catalog.pg_roles where rolname = v_role.name) then
        execute format('create role %I %s', v_role.name, v_role.attributes);
      end if;
    exception
      when duplicate_object or unique_violation then null;
    end;
  end loop;
end
$$;
grant anon, authenticated, service_role to authenticator;
create schema if not exists extensions;
grant usage on schema public, extensions to anon, authenticated, service_role;
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
alter table supabase_migrations.schema_migrations
  add column if not exists statements text[],
  add column if not exists name text;
reset client_min_messages;
`;

const Recorded = z.array(
  z.object({ version: z.string(), name: z.string().nullable(), statements: z.array(z.string()).nullable() }),
);

/** Thrown for a database that is not what the migrations as they are now would make. */
export class MigrationChanged extends Error {}

/**
 * Makes what a plain Postgres lacks, then applies each migration that is not recorded yet, the oldest first, each in
 * a transaction of its own. Idempotent, and safe to run from several processes at once.
 * @param databaseUrl must connect as a role that may create roles, unless they exist
 * @returns the versions it applied
 * @throws {MigrationChanged} with `refusesChanged`; nothing is applied then
 * @throws {Error} naming the file when one fails; the files before it stay applied
 */
export async function migrate(databaseUrl: string, options: MigrateOptions = {}): Promise<string[]> {
  const migrations = await listMigrations(options);
  const sql = postgres(databaseUrl, {
    max: 1,
    onnotice: ({ severity, message }) => options.onNotice?.(`${severity}: ${message}`),
  });
  try {
    // Held by the session, so it goes with the connection whatever happens.
    await sql`select pg_advisory_lock(${LOCK})`;
    await sql.unsafe(BOOTSTRAP).simple();
    const [{ has_users }] = await sql`select to_regclass('auth.users') is not null as has_users`;
    // Supabase's own belongs to somebody else.
    if (!has_users) await sql.unsafe(AUTH_SCHEMA).simple();
    if (options.authenticatorPassword !== undefined) {
      await sql.unsafe(`alter role authenticator password '${options.authenticatorPassword.replaceAll("'", "''")}'`);
    }
    const recorded = Recorded.parse([
      ...await sql`select version, name, statements from supabase_migrations.schema_migrations order by version`,
    ]);
    if (options.refusesChanged) await assertUnchanged(migrations, recorded);
    const known = new Set(recorded.map(({ version }) => version));
    const missing = migrations.filter(({ version }) => !known.has(version));
    for (const migration of missing) await apply(sql, migration);
    return missing.map(({ version }) => version);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function listMigrations({ directory = MIGRATIONS, onNotice }: MigrateOptions): Promise<Migration[]> {
  const migrations: Migration[] = [];
  for (const entry of await filesIn(directory)) {
    const [, version, name] = /^(\d+)_(.*)\.sql$/.exec(entry) ?? [];
    if (version !== undefined && name !== undefined) {
      migrations.push({ version, name, file: join(directory, entry) });
    } else {
      onNotice?.(`${entry} is not named <timestamp>_<name>.sql: skipped, as Supabase would`);
    }
  }
  return migrations.sort((a, b) => a.version < b.version ? -1 : 1);
}

/** None where there is no such directory: a project may have no migrations yet. */
async function filesIn(directory: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function assertUnchanged(migrations: readonly Migration[], recorded: z.infer<typeof Recorded>): Promise<void> {
  for (const { version, name, statements } of recorded) {
    const migration = migrations.find((one) => one.version === version);
    if (migration === undefined) {
      throw new MigrationChanged(`Migration ${version}_${name}.sql was applied to this database, and is no more`);
    }
    if (statements?.join("\n") !== await Deno.readTextFile(migration.file)) {
      throw new MigrationChanged(`Migration ${version}_${migration.name}.sql was edited after it was applied`);
    }
  }
}

async function apply(sql: postgres.Sql, { version, name, file }: Migration): Promise<void> {
  const text = await Deno.readTextFile(file);
  try {
    // What pg_dump writes takes the search path away, for the session.
    await sql`reset all`;
    await sql.begin(async (transaction) => {
      await transaction.unsafe(text).simple();
      await transaction`
        insert into supabase_migrations.schema_migrations (version, name, statements)
        values (${version}, ${name}, ${[text]})
      `;
    });
  } catch (error) {
    throw new Error(`Migration ${version}_${name}.sql failed: ${explain(error, text)}`, { cause: error });
  }
}

function explain(error: unknown, text: string): string {
  if (!(error instanceof postgres.PostgresError)) return String(error);
  const line = error.position === undefined ? "" : ` (line ${lineOf(text, Number(error.position))})`;
  const more = [error.detail, error.hint, error.where].filter((part) => part !== undefined);
  return [`${error.message}${line}`, ...more].join("\n");
}

function lineOf(text: string, position: number): number {
  return text.slice(0, position).split("\n").length;
}
