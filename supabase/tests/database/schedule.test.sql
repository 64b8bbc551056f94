-- What runs by itself: the jobs, where pg_cron is there, and the request for a sweep.

begin;
\ir setup.psql
select plan(12);

create function pg_temp.jobs()
returns setof text
language plpgsql
as $$
begin
  if to_regclass('cron.job') is null then
    return query select skip('pg_cron is not there', 4);
    return;
  end if;
  return next results_eq(
    $q$
      select jobname::text collate "default", schedule, command
      from cron.job where command like 'select copilot\_internal.%' order by jobname::text collate "C"
    $q$,
    $q$
      values
        ('copilot-clean-up-contexts', '0 3 * * *', 'select copilot_internal.cleanup_until_done()'),
        ('copilot-clean-up-executions', '30 * * * *', 'select copilot_internal.cleanup_executions()'),
        ('copilot-delete-failed-claims', '* * * * *', 'select copilot_internal.delete_failed_claims()'),
        ('copilot-expire-contexts', '* * * * *', 'select copilot_internal.expire_execution_contexts()'),
        ('copilot-forget-rates', '45 * * * *', 'select copilot_internal.forget_rates()'),
        ('copilot-purge-job-log', '15 3 * * *', 'select copilot_internal.purge_job_log()'),
        ('copilot-retire-lost-executions', '*/5 * * * *', 'select copilot_internal.retire_lost_executions()'),
        ('copilot-sweep', '* * * * *', 'select copilot_internal.request_sweep()')
    $q$,
    'the jobs are scheduled'
  );
  return next is_empty(
    $q$ select from cron.job where command like 'select copilot\_internal.%' and not (active and database = current_database()) $q$,
    'they run, and here'
  );
  -- With a user's name, because Supabase lets each user touch their own jobs' log only.
  delete from cron.job_run_details where command like 'select copilot\_internal.%';
  insert into cron.job_run_details (jobid, runid, job_pid, username, command, status, end_time)
  select 0, -n, 0, current_user, command, 'succeeded', clock_timestamp() - days * interval '1 day'
  from (
    values
      (1, 'select copilot_internal.request_sweep()', 8), (2, 'select copilot_internal.request_sweep()', 6),
      (3, 'select another_job()', 8), (4, 'select copilotXinternal.request_sweep()', 8)
  ) as run (n, command, days);
  return next is((select deleted_count from copilot_internal.purge_job_log()), 1, 'their log is purged');
  return next set_eq(
    'select runid::integer from cron.job_run_details where runid < 0', array[-2, -3, -4],
    'but not what is new, nor what other jobs have logged'
  );
end
$$;
select * from pg_temp.jobs();

-- A stand-in for the Vault and pg_net, where neither is there: what would be sent is noted.
create function pg_temp.requests()
returns setof text
language plpgsql
as $$
begin
  if to_regnamespace('vault') is not null or to_regnamespace('net') is not null then
    return query select skip('the Vault or pg_net is there, and is nobody''s to play with', 8);
    return;
  end if;
  return next is(copilot_internal.request_sweep(), null, 'without a Vault no sweep is asked for');
  create schema vault;
  create table vault.decrypted_secrets (name text, decrypted_secret text);
  return next is(copilot_internal.request_sweep(), null, 'nor without pg_net');
  create schema net;
  create table net.requests (id bigint generated always as identity, url text, body jsonb, headers jsonb, timeout_milliseconds integer);
  -- With pg_net's own names and order of parameters.
  create function net.http_post(
    url text, body jsonb default '{}', params jsonb default '{}', headers jsonb default '{}',
    timeout_milliseconds integer default 1000
  )
  returns bigint
  language sql
  as 'insert into net.requests (url, body, headers, timeout_milliseconds) values ($1, $2, $4, $5) returning id';
  return next is(copilot_internal.request_sweep(), null, 'nor without the secrets');
  insert into vault.decrypted_secrets values ('execution_contexts_url', 'https://project.example/');
  return next is(copilot_internal.request_sweep(), null, 'nor with one of the two');
  return next is_empty('select from net.requests', 'nothing has been sent');
  insert into vault.decrypted_secrets values ('execution_contexts_secret_key', 'sb_secret_x'), ('another', 'y');
  return next is(copilot_internal.request_sweep(), 1::bigint, 'with both it is');
  return next results_eq(
    'select url, body, headers from net.requests',
    $q$
      values (
        'https://project.example/functions/v1/terminate-context', '{"due": true}'::jsonb,
        '{"Content-Type": "application/json", "apikey": "sb_secret_x"}'::jsonb
      )
    $q$,
    'to terminate-context, as a service'
  );
  return next is((select timeout_milliseconds from net.requests), 30000, 'with time enough for a sweep');
end
$$;
select * from pg_temp.requests();

select * from finish();
rollback;
