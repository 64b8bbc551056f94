/** Our migrations as one of the app's: stamped now, so that it comes after all that they have. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { App } from "./app.ts";
import { hash, type Lock } from "./lock.ts";
import { asLines } from "./line_ends.ts";
import { Refusal } from "./refusal.ts";
import { objectsMadeBy, publicNames, type SchemaObject } from "./schema_objects.ts";

export interface Migration {
  /** Without `.sql`: "20251210000000_execution_contexts". */
  readonly name: string;
  readonly sql: string;
}

/** The migrations in a folder, in their order. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  // What else lies there is no migration to the CLI either.
  const files = (await readdir(folder)).filter((file) => /^\d+_.*\.sql$/.test(file)).sort();
  return await Promise.all(files.map(async (file) => ({
    name: file.slice(0, -".sql".length),
    sql: asLines(await readFile(join(folder, file), "utf8")),
  })));
}

/** The first line's beginning: by this one of the app's migrations is known as ours. */
export const MARK = "-- execution-contexts, by its installer";
/** The view's name, unless the app has another use for it. What services see is called that and `_overview`. */
export const VIEW = "execution_contexts";

export function isOurs({ sql }: Migration): boolean {
  return sql.startsWith(MARK);
}

/** @param what the file's name says behind its stamp */
export function fileOf(app: App, what: string, now: Date): string {
  const last = app.migrations.map(({ name }) => name.split("_", 1)[0]).sort().at(-1) ?? "";
  return `supabase/migrations/${later(stampOf(now), last)}_${what}.sql`;
}

/** What is not later than theirs, as text, the CLI refuses to push; and theirs may be dated in the future. */
function later(stamp: string, last: string): string {
  if (stamp > last) return stamp;
  const next = String(BigInt(last) + 1n).padStart(last.length, "0");
  return next.length === last.length ? next : `${last}0`;
}

/**
 * Those that the app does not have yet.
 *
 * @throws Refusal when it has one that is another one by now, or that there is no more
 */
export function newParts(all: readonly Migration[], installed: Lock["migrations"]): Migration[] {
  const hashes = new Map(all.map(({ name, sql }) => [name, hash(sql)]));
  const odd = Object.entries(installed).filter(([name, sha256]) => hashes.get(name) !== sha256);
  if (odd.length > 0) {
    throw new Refusal(odd.map(([name]) => `${name}.sql: is installed, and not of this release: it is an earlier one.`));
  }
  return all.filter(({ name }) => !(name in installed));
}

/** Their objects, with the view under the name that it has in the app. */
export function objectsOf(parts: readonly Migration[], view: string): SchemaObject[] {
  return parts.flatMap(({ sql }) => objectsMadeBy(renamed(sql, view)));
}

/** One file of several. The CLI applies it in one transaction, and each part may be applied again. */
export function compose(
  title: string,
  parts: readonly Migration[],
  view: string,
  have: Lock["objects"] | null,
): string {
  const texts = parts.map(({ name, sql }) => `-- ${"-".repeat(8)} ${name}.sql\n\n${renamed(sql, view).trim()}\n`);
  return `${MARK}: ${title}.\n\n${[guard(objectsOf(parts, view), have), ...texts].join("\n")}`;
}

/** Their own objects of these names may have been made elsewhere than in migrations. */
function guard(objects: readonly SchemaObject[], have: Lock["objects"] | null): string {
  const relations = publicNames(objects, "relation").filter((name) => !have?.relations.includes(name));
  const functions = publicNames(objects, "function").filter((name) => !have?.functions.includes(name));
  return `do $$
declare
  v_taken text := (
    select string_agg(distinct 'public.' || o.name, ', ')
    from (
      select relname as name from pg_catalog.pg_class
      where relnamespace = 'public'::regnamespace and relname = any (${textArray(relations)})
      union all
      select proname from pg_catalog.pg_proc
      where pronamespace = 'public'::regnamespace and proname = any (${textArray(functions)})
    ) o
  );
begin
  if v_taken is not null${have ? "" : " and to_regclass('copilot_internal.settings') is null"} then
    raise exception 'there is already %; nothing has been changed', v_taken;
  end if;
end
$$;
`;
}

function renamed(sql: string, view: string): string {
  return sql.replaceAll(`public.${VIEW}`, `public.${view}`);
}

export function textArray(names: readonly string[]): string {
  return `array[${names.map((name) => `'${name}'`).join(", ")}]::text[]`;
}

/** As the Supabase CLI stamps a migration: UTC, to the second. */
function stampOf(date: Date): string {
  return date.toISOString().replaceAll(/\D/g, "").slice(0, 14);
}
