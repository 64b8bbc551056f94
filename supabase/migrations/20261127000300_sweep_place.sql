-- Where in E2B's list the last sweep ended: the next one goes on there, so that what lies far behind is come to as well.

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
