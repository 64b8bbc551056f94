-- What runs by itself.

create or replace function copilot_internal.jobs()
returns table (name text, schedule text, command text)
language sql
immutable
set search_path = ''
as $$
  select j.name, j.schedule, format('select copilot_internal.%s()', j.call)
  from (
    values
      ('copilot-expire-contexts', '* * * * *', 'expire_execution_contexts'),
      ('copilot-sweep', '* * * * *', 'request_sweep'),
      ('copilot-delete-failed-claims', '* * * * *', 'delete_failed_claims'),
      ('copilot-retire-lost-executions', '*/5 * * * *', 'retire_lost_executions'),
      ('copilot-clean-up-executions', '30 * * * *', 'cleanup_executions'),
      ('copilot-forget-rates', '45 * * * *', 'forget_rates'),
      ('copilot-clean-up-contexts', '0 3 * * *', 'cleanup_until_done'),
      ('copilot-purge-job-log', '15 3 * * *', 'purge_job_log')
  ) as j (name, schedule, call)
$$;
comment on function copilot_internal.jobs() is 'The jobs of pg_cron, and when they run.';
revoke execute on function copilot_internal.jobs() from public, anon, authenticated;

create or replace function copilot_internal.schedule_jobs()
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_job record;
  v_count integer := 0;
begin
  for v_job in select * from copilot_internal.jobs() loop
    -- It replaces a job of the same name, but leaves one that is switched off as it is.
    perform cron.alter_job(cron.schedule(v_job.name, v_job.schedule, v_job.command), active := true);
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;
comment on function copilot_internal.schedule_jobs() is
  'Schedules the jobs with pg_cron, which must be there: those that are missing, switched off or altered are as they should be then. Says how many there are.';
revoke execute on function copilot_internal.schedule_jobs() from public, anon, authenticated;

create or replace function copilot_internal.request_sweep()
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  -- By name at run time: neither extension need be there.
  v_secrets regclass := to_regclass('vault.decrypted_secrets');
  v_net regnamespace := to_regnamespace('net');
  v_url text;
  v_key text;
  v_request bigint;
begin
  if v_secrets is null or v_net is null then
    return null;
  end if;
  execute format('select max(decrypted_secret) from %s where name = $1', v_secrets)
    into v_url using 'execution_contexts_url';
  execute format('select max(decrypted_secret) from %s where name = $1', v_secrets)
    into v_key using 'execution_contexts_secret_key';
  if v_url is null or v_key is null then
    return null;
  end if;
  -- The time limit is given, because pg_net's own differs from version to version. Nobody reads the answer.
  execute format('select %s.http_post(url := $1, body := $2, headers := $3, timeout_milliseconds := 30000)', v_net)
    into v_request
    using
      rtrim(v_url, '/') || '/functions/v1/terminate-context',
      jsonb_build_object('due', true),
      jsonb_build_object('Content-Type', 'application/json', 'apikey', v_key);
  return v_request;
end
$$;
comment on function copilot_internal.request_sweep() is
  'Asks terminate-context to sweep, by pg_net, when the Vault holds execution_contexts_url (the project''s URL) and execution_contexts_secret_key. Returns pg_net''s request id, or null where something is missing.';
revoke execute on function copilot_internal.request_sweep() from public, anon, authenticated;

create or replace function copilot_internal.purge_job_log(p_days_old integer default 7)
returns table (deleted_count integer)
language plpgsql
set search_path = ''
as $$
declare
  v_log regclass := to_regclass('cron.job_run_details');
begin
  deleted_count := 0;
  if v_log is not null then
    execute format(
      'delete from %s where coalesce(end_time, start_time) < clock_timestamp() - make_interval(days => $1) and command like $2',
      v_log
    ) using p_days_old, 'select copilot\_internal.%';
    get diagnostics deleted_count = row_count;
  end if;
  return next;
end
$$;
comment on function copilot_internal.purge_job_log(integer) is
  'Deletes what pg_cron logged of these jobs more than p_days_old days ago: it keeps its log for ever. Says how much.';
revoke execute on function copilot_internal.purge_job_log(integer) from public, anon, authenticated;

-- So that what is taken out again leaves what others made: `extensions_made` is what to drop.
alter table copilot_internal.settings
  add column if not exists extensions_made text[] not null default '{}';
comment on column copilot_internal.settings.extensions_made is
  'The extensions that were not there before: whoever takes all of this out may drop them.';

create or replace function copilot_internal.note_extension(p_name name, p_was_there boolean)
returns void
language sql
set search_path = ''
as $$
  update copilot_internal.settings
  set extensions_made = extensions_made || p_name::text
  where not p_was_there and p_name::text <> all (extensions_made)
$$;
comment on function copilot_internal.note_extension(name, boolean) is
  'Notes that an extension has been made, unless it was there before.';
revoke execute on function copilot_internal.note_extension(name, boolean) from public, anon, authenticated;

-- Where it is to be had, it is wanted; where it is not, request_sweep does nothing.
do $$
declare
  v_was_there boolean := exists (select from pg_catalog.pg_extension where extname = 'pg_net');
begin
  create extension if not exists pg_net with schema extensions;
  perform copilot_internal.note_extension('pg_net', v_was_there);
exception
  when others then null;
end
$$;

do $$
declare
  v_was_there boolean := exists (select from pg_catalog.pg_extension where extname = 'pg_cron');
begin
  begin
    create extension if not exists pg_cron with schema pg_catalog;
    perform copilot_internal.note_extension('pg_cron', v_was_there);
  exception
    when others then
      -- Not installed, not preloaded, or not in cron.database_name: whichever it is, its own words say it best.
      raise warning 'pg_cron is not available (%): nothing expires contexts or deletes old ones by itself here. Enable pg_cron and select copilot_internal.schedule_jobs(), or call copilot_internal.expire_execution_contexts() and copilot_internal.cleanup_until_done() on a schedule of your own.', sqlerrm;
      return;
  end;

  perform copilot_internal.schedule_jobs();
end
$$;
