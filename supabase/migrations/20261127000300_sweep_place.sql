-- Where in E2B's list the last sweep ended: the next one goes on there, so that what lies far behind is come to as well.
-- And what in the list is an orphan: not what a context's row says is to be killed, which one sweep has in hand.

create table if not exists copilot_internal.sweep_place (
  id boolean primary key default true,
  page_token text,
  constraint sweep_place_one_row check (id)
);
comment on table copilot_internal.sweep_place is
  'Where the next sweep goes on in E2B''s list of sandboxes: one row.';
comment on column copilot_internal.sweep_place.page_token is
  'The token of the next page; null at the list''s beginning.';
alter table copilot_internal.sweep_place enable row level security;
insert into copilot_internal.sweep_place default values on conflict do nothing;

create or replace function public.sweep_place()
returns text
language sql
stable
security definer
set search_path = ''
as $$
  select p.page_token from copilot_internal.sweep_place p
$$;
comment on function public.sweep_place() is
  'The token of the page of E2B''s list where the next sweep goes on; null at the beginning.';
revoke execute on function public.sweep_place() from public, anon, authenticated;
grant execute on function public.sweep_place() to service_role;

create or replace function public.move_sweep_place(p_page_token text default null)
returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
  with moved as (
    update copilot_internal.sweep_place p
    set page_token = p_page_token
    returning 1
  )
  select exists (select from moved)
$$;
comment on function public.move_sweep_place(text) is
  'Notes where the next sweep goes on in E2B''s list.';
revoke execute on function public.move_sweep_place(text) from public, anon, authenticated;
grant execute on function public.move_sweep_place(text) to service_role;

create or replace function public.find_orphans(p_sandboxes jsonb)
returns table (sandbox_id text, context_id uuid)
language sql
stable
security definer
set search_path = ''
as $$
  select s.sandbox_id, s.context_id
  from jsonb_to_recordset(p_sandboxes) as s (sandbox_id text, context_id uuid)
  -- Only what a claim of ours made: the account may serve other deployments too.
  join copilot_internal.execution_contexts c on c.id = s.context_id
  where not (
    -- Of the owner, active or to be killed. A claim has no sandbox_id yet, and a null comparison would hide what it made.
    (c.sandbox_id is not distinct from s.sandbox_id and c.sandbox_killed_at is null)
    or (c.terminated_at is null and c.sandbox_status = 'creating' and c.expires_at > clock_timestamp())
  )
$$;
comment on function public.find_orphans(jsonb) is
  'Of these sandboxes ([{"sandbox_id", "context_id"}]), those that a claim of ours made, that no active context owns and whose kill no context owes.';
