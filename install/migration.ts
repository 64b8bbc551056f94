/** Our migrations as one of the app's: stamped now, so that it comes after all that they have. */
import type { App } from "./app.ts";
import { hash } from "./lock.ts";
import { Refusal } from "./refusal.ts";
import type { Migration } from "./release.ts";
import { objectsMadeBy } from "./schema_objects.ts";

/** The first line's beginning: by this one of the app's migrations is known as ours. */
const MARK = "-- Execution contexts";
/** The view's name, unless the app has another use for it; what services see is that name and `_overview`. */
export const VIEW = "execution_contexts";

/** @param what the file's name says behind its stamp */
export function fileOf(app: App, what: string, now: Date): string {
  const stamps = app.migrations.map(({ name }) => name.split("_", 1)[0]);
  // What is not later than theirs, the CLI refuses to push: theirs may be dated in the future.
  const last = stamps.reduce((most, stamp) => Number(stamp) > Number(most) ? stamp : most, "0");
  const stamp = stampOf(now);
  const later = Number(stamp) > Number(last) ? stamp : String(BigInt(last) + 1n);
  return `supabase/migrations/${later}_${what}.sql`;
}

/** Those that the app does not have yet. @throws Refusal when one that it has is another one by now */
export function newParts(all: readonly Migration[], installed: Readonly<Record<string, string>>): Migration[] {
  const changed = all.filter(({ name, sql }) => name in installed && installed[name] !== hash(sql));
  if (changed.length > 0) {
    throw new Refusal(changed.map(({ name }) => `${name}.sql: is not what was installed: this is no later release.`));
  }
  return all.filter(({ name }) => !(name in installed));
}

/** One file of several. The CLI applies it in one transaction, and each part may be applied again. */
export function compose(title: string, parts: readonly Migration[], view: string): string {
  const texts = parts.map(({ name, sql }) => `-- ${"-".repeat(8)} ${name}.sql\n\n${sql.trim()}\n`);
  return `${MARK}: ${title}.\n\n${[guard(parts), ...texts].join("\n")}`
    .replaceAll(`public.${VIEW}`, `public.${view}`);
}

/** Takes everything out again, but refuses while a sandbox may be alive: nobody would know of it any more. */
export function composeRemoval(parts: readonly Migration[]): string {
  const functions = namesIn("public", "function", parts);
  return `${MARK}: taken out.

do $$
declare
  v_until timestamptz := (
    select max(case
      when c.terminated_at is null then c.expires_at + make_interval(secs => c.probation_seconds)
      else c.may_live_until
    end)
    from copilot_internal.execution_contexts c
    where c.terminated_at is null or (c.sandbox_killed_at is null and c.may_live_until > now())
  );
begin
  if v_until is not null then
    raise exception 'sandboxes may be alive until %; nothing has been changed', v_until
      using hint = 'End them with "uninstall --url", or wait.';
  end if;
end
$$;

do $$
declare
  v_made text[];
  v_function regprocedure;
begin
  select s.extensions_made into v_made from copilot_internal.settings s;

  if to_regclass('cron.job') is not null then
    perform cron.unschedule(jobid) from cron.job where command like 'select copilot\\_internal.%';
  end if;
  if to_regclass('vault.secrets') is not null then
    execute 'delete from vault.secrets where name = any ($1)'
      using array['execution_contexts_url', 'execution_contexts_secret_key'];
  end if;

  for v_function in
    select p.oid from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.proname = any (${textArray(functions)})
  loop
    execute format('drop function %s', v_function);
  end loop;
  drop schema copilot_internal cascade;

  -- Others may have come to use them.
  if 'pg_cron' = any (v_made) and to_regclass('cron.job') is not null then
    if not exists (select from cron.job) then
      drop extension pg_cron;
    end if;
  end if;
  if 'pg_net' = any (v_made) and to_regnamespace('supabase_functions') is null
    and not exists (
      select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
      where p.prosrc like '%net.http\\_%' and n.nspname <> 'net'
    )
  then
    drop extension if exists pg_net;
  end if;
end
$$;
`;
}

export function isOurs({ sql }: Migration): boolean {
  return sql.startsWith(MARK);
}

/** Their own objects of these names may have been made elsewhere than in migrations. */
function guard(parts: readonly Migration[]): string {
  const relations = namesIn("public", "relation", parts);
  const functions = namesIn("public", "function", parts);
  return `do $$
declare
  v_taken text := (
    select string_agg(o.name, ', ')
    from (
      select 'public.' || relname as name from pg_catalog.pg_class
      where relnamespace = 'public'::regnamespace
        and 'public.' || relname = any (${textArray(relations.map((name) => `public.${name}`))})
      union all
      select 'public.' || proname from pg_catalog.pg_proc
      where pronamespace = 'public'::regnamespace and proname = any (${textArray(functions)})
    ) o
  );
begin
  if v_taken is not null and to_regclass('copilot_internal.settings') is null then
    raise exception 'there is already %; nothing has been changed', v_taken;
  end if;
end
$$;
`;
}

function namesIn(schema: string, kind: "relation" | "function", parts: readonly Migration[]): string[] {
  const objects = parts.flatMap(({ sql }) => objectsMadeBy(sql));
  return [
    ...new Set(objects.filter((object) => object.schema === schema && object.kind === kind).map(({ name }) => name)),
  ];
}

function textArray(names: readonly string[]): string {
  return `array[${names.map((name) => `'${name}'`).join(", ")}]::text[]`;
}

/** As the Supabase CLI stamps a migration: UTC, to the second. */
function stampOf(date: Date): string {
  return date.toISOString().replaceAll(/\D/g, "").slice(0, 14);
}
