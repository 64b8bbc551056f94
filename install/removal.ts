/** The migration that takes everything out again: what is ours, and nothing else. */
import type { Lock } from "./lock.ts";
import { MARK, textArray } from "./migration.ts";

/**
 * It refuses while a sandbox may be alive, of which nobody would know any more, and while something of theirs stands on
 * what is ours. Where nothing is installed it does nothing.
 */
export function composeRemoval({ objects }: Lock): string {
  return `${MARK}: taken out.

do $$
declare
  v_ours oid[];
  v_left bigint;
  v_dependents text;
  v_made text[];
  v_function regprocedure;
  v_view text;
begin
  if to_regclass('copilot_internal.settings') is null then
    return;
  end if;
  -- Nobody claims a context between the look and the drop.
  lock table copilot_internal.execution_contexts in access exclusive mode;

  select count(*) into v_left
  from copilot_internal.execution_contexts c
  where c.terminated_at is null or not copilot_internal.has_left_nothing(c);
  if v_left > 0 then
    raise exception 'sandboxes of % contexts may be alive; nothing has been changed', v_left
      using hint = 'Say "uninstall --url URL", which ends them; or select public.copilot_close(true), and wait.';
  end if;

  select array_agg(c.oid) into v_ours
  from pg_catalog.pg_class c
  where c.relnamespace = 'copilot_internal'::regnamespace
    or (c.relnamespace = 'public'::regnamespace and c.relname = any (${textArray(objects.relations)}));
  select string_agg(distinct d.oid::regclass::text, ', ') into v_dependents
  from (
    select r.ev_class as oid
    from pg_catalog.pg_depend d join pg_catalog.pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
    where d.refclassid = 'pg_class'::regclass and d.refobjid = any (v_ours)
    union all
    select r.ev_class
    from pg_catalog.pg_depend d
    join pg_catalog.pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
    join pg_catalog.pg_proc p on d.refclassid = 'pg_proc'::regclass and p.oid = d.refobjid
    where p.pronamespace = 'copilot_internal'::regnamespace
      or (p.pronamespace = 'public'::regnamespace and p.proname = any (${textArray(objects.functions)}))
    union all
    select con.conrelid from pg_catalog.pg_constraint con where con.confrelid = any (v_ours)
  ) d
  where d.oid <> all (v_ours);
  if v_dependents is not null then
    raise exception 'what is to be dropped is used by %; nothing has been changed', v_dependents;
  end if;

  select s.extensions_made into v_made from copilot_internal.settings s;
  if to_regclass('cron.job') is not null then
    perform cron.unschedule(jobid) from cron.job where command like 'select copilot\\_internal.%';
  end if;
  if to_regclass('vault.secrets') is not null then
    execute 'delete from vault.secrets where name = any ($1)'
      using array['execution_contexts_url', 'execution_contexts_secret_key'];
  end if;

  foreach v_view in array ${textArray(objects.relations)} loop
    execute format('drop view if exists public.%I', v_view);
  end loop;
  for v_function in
    select p.oid from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.proname = any (${textArray(objects.functions)})
  loop
    execute format('drop function %s', v_function);
  end loop;
  drop schema copilot_internal cascade;

  -- Unless others have come to use them, or there is no telling.
  begin
    if 'pg_cron' = any (v_made) and to_regclass('cron.job') is not null then
      if not row_security_active('cron.job') and not exists (select from cron.job) then
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
  exception
    when insufficient_privilege or dependent_objects_still_exist then
      raise notice 'an extension stays: %', sqlerrm;
  end;
end
$$;
`;
}
