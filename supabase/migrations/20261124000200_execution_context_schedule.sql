-- The clean-up that runs by itself. cron.schedule replaces a job of the same name, so this file can be applied again.
do $$
begin
  begin
    create extension if not exists pg_cron with schema pg_catalog;
  exception
    when others then
      -- Not installed, not preloaded, or not in cron.database_name: whichever it is, its own words say it best.
      raise warning 'pg_cron is not available (%): nothing expires contexts or deletes old ones by itself here. Enable pg_cron and apply this migration again, or call copilot_internal.expire_execution_contexts() and copilot_internal.cleanup_until_done() on a schedule of your own.', sqlerrm;
      return;
  end;

  perform cron.schedule(
    'expire-execution-contexts', '* * * * *',
    'select copilot_internal.expire_execution_contexts()'
  );
  perform cron.schedule(
    'cleanup-execution-contexts', '0 3 * * *',
    'select copilot_internal.cleanup_until_done()'
  );
end
$$;
