-- Once only: who may run what has a key, and what everybody else is told.

begin;
\ir setup.psql
select plan(99);

-- A claim with a lease of a minute: its outcome, and the answer's text.
create function pg_temp.claim(p_number integer, p_key text, p_hash text default 'hash', p_tenant_id text default 'keys')
returns text[]
language sql
as $$
  select array[c.outcome, c.answer::text]
  from public.copilot_claim_execution(pg_temp.id(p_number), p_tenant_id, p_key, p_hash, 'c', 'p', 60) c
$$;
create function pg_temp.send(p_number integer)
returns boolean
language sql
as $$ select public.copilot_send_execution(pg_temp.id(p_number)) = 'sent' $$;
create function pg_temp.answer(p_number integer, p_answer text)
returns boolean
language sql
as $$ select public.copilot_answer_execution(pg_temp.id(p_number), p_answer) $$;
-- Lets the claim's lease, or its answer's time, run out.
create function pg_temp.lapse(p_number integer, p_column text)
returns void
language plpgsql
as $$
begin
  execute format('update copilot_internal.idempotency_keys set %I = clock_timestamp() where execution_id = $1', p_column)
    using pg_temp.id(p_number);
end
$$;
create temp view keys as select * from copilot_internal.idempotency_keys where tenant_id in ('keys', 'other');

select public.copilot_claim_context(pg_temp.id(1), 'keys', 'c', 'p', 60, 1800) \g /dev/null
select public.copilot_activate_context(pg_temp.id(1), 'sandbox 1') \g /dev/null

-- Claimed, and running.
select is(pg_temp.claim(101, 'k'), array['claimed', null], 'who comes first runs it');
select results_eq(
  $$
    select
      tenant_id, idempotency_key, execution_id, request_hash, answer::text,
      alive_until - created_at between interval '59 s' and interval '61 s',
      expires_at - created_at between interval '23:59:59' and interval '24:00:01'
    from keys
  $$,
  $$ values ('keys', 'k', pg_temp.id(101), 'hash', null::text, true, true) $$,
  'for as long as the lease is, unless heard of; its answer will be kept for a day'
);
create temp table before as select tenant_id, idempotency_key, execution_id, alive_until, expires_at from keys;
select is(pg_temp.claim(101, 'k'), array['claimed', null], 'the same claim, asked again because its answer was lost, is still that claim');
select is(pg_temp.claim(102, 'k'), array['running', null], 'who comes second is told that it runs');
select is(pg_temp.claim(103, 'k', 'other'), array['mismatch', null], 'with another request, that it is not theirs');
select results_eq(
  'select tenant_id, idempotency_key, execution_id, alive_until, expires_at from keys', 'select * from before',
  'none of them changes anything'
);

-- Alive.
select ok(public.copilot_keep_execution(pg_temp.id(101), 300), 'who runs it says so');
select cmp_ok(alive_until, '>', clock_timestamp() + interval '4 minutes', 'and need not be heard of for as long again')
from keys where execution_id = pg_temp.id(101);
select ok(public.copilot_keep_execution(pg_temp.id(101), 30), 'or for less');
select cmp_ok(alive_until, '<', clock_timestamp() + interval '31 s', 'the last word counts')
from keys where execution_id = pg_temp.id(101);
select ok(not public.copilot_keep_execution(pg_temp.id(102), 300), 'who runs nothing keeps nothing');

-- Taken over: nothing was sent, so nothing ran.
update copilot_internal.idempotency_keys set expires_at = clock_timestamp() + interval '1 minute' where execution_id = pg_temp.id(101);
select pg_temp.lapse(101, 'alive_until') \g /dev/null
select is(
  pg_temp.claim(104, 'k', 'other'), array['mismatch', null], 'who is not heard of any more is dead, which is nobody''s business with another request'
);
select is(pg_temp.claim(104, 'k'), array['claimed', null], 'with the same it is: who comes next takes it over');
select results_eq(
  $$
    select
      tenant_id, idempotency_key, execution_id, request_hash, sent_at, answer::text,
      alive_until - clock_timestamp() between interval '59 s' and interval '61 s',
      expires_at - clock_timestamp() between interval '23:59:59' and interval '24:00:00'
    from keys
  $$,
  $$ values ('keys', 'k', pg_temp.id(104), 'hash', null::timestamptz, null::text, true, true) $$,
  'as if it were the first'
);
create temp table taken as select k.*, k.answer::text as text from keys k;
alter table taken drop column answer;
select is(pg_temp.claim(105, 'k'), array['running', null], 'it is one''s at a time');
select is(pg_temp.claim(101, 'k'), array['running', null], 'who had it before is told so too');
select ok(not pg_temp.send(101), 'and must not send it');
select ok(not public.copilot_keep_execution(pg_temp.id(101), 600), 'nor keep it');
select ok(not public.copilot_release_execution(pg_temp.id(101)), 'nor give it up');
select ok(not pg_temp.answer(101, '{"status": "ok"}'), 'nor answer it');
select ok(not pg_temp.answer(101, null), 'nor say that nobody will');
select results_eq(
  $$ select tenant_id, idempotency_key, execution_id, request_hash, alive_until, sent_at, created_at, expires_at, answer::text from keys $$,
  $$ select tenant_id, idempotency_key, execution_id, request_hash, alive_until, sent_at, created_at, expires_at, text from taken $$,
  'none of that changes anything'
);
select pg_temp.lapse(104, 'alive_until') \g /dev/null
select is(pg_temp.claim(104, 'k'), array['claimed', null], 'who was only slow and asks again has it still');
select pg_temp.lapse(104, 'alive_until') \g /dev/null
select ok(public.copilot_keep_execution(pg_temp.id(104), 60), 'or says that it is alive');
select is(pg_temp.claim(106, 'k'), array['running', null], 'before anybody has taken it over');
select pg_temp.lapse(104, 'alive_until') \g /dev/null
select is(pg_temp.claim(101, 'k'), array['claimed', null], 'it may be taken over again, also by who had it before');
select ok(not pg_temp.send(104), 'and is its last holder''s only');

-- Sent.
select pg_temp.lapse(101, 'alive_until') \g /dev/null
select ok(pg_temp.send(101), 'who holds it may send it, late as it is');
select ok(sent_at between created_at and clock_timestamp(), 'which is noted, with the time')
from keys where execution_id = pg_temp.id(101);
update copilot_internal.idempotency_keys set sent_at = sent_at - interval '1 s' where execution_id = pg_temp.id(101);
create temp table sent as select execution_id, alive_until, sent_at, created_at, expires_at from keys;
select ok(pg_temp.send(101), 'it is told again that it may, because the answer was lost');
select results_eq(
  'select execution_id, alive_until, sent_at, created_at, expires_at from keys', 'select * from sent', 'the first time counts'
);
select ok(not pg_temp.send(109), 'nobody sends what they do not hold');

-- Lost.
select is(pg_temp.claim(105, 'k'), array['lost', null], 'who dies after that leaves unknown how far it came');
select is(pg_temp.claim(104, 'k'), array['lost', null], 'to who had it before as well');
select is(pg_temp.claim(105, 'k', 'other'), array['mismatch', null], 'which is nobody''s business with another request');
select is(pg_temp.claim(106, 'k'), array['lost', null], 'nobody ever runs it again');
select ok(public.copilot_keep_execution(pg_temp.id(101), 60), 'who was only slow is back');
select is(pg_temp.claim(106, 'k'), array['running', null], 'and runs it still');

-- Finished.
select ok(pg_temp.answer(101, '{"status": "ok"}'), 'it ends');
select is(pg_temp.claim(107, 'k'), array['finished', '{"status": "ok"}'], 'and everybody is told its answer');
select is(pg_temp.claim(101, 'k'), array['finished', '{"status": "ok"}'], 'also who ran it');
select is(pg_temp.claim(107, 'k', 'other'), array['mismatch', null], 'but nobody with another request');
select ok(not public.copilot_keep_execution(pg_temp.id(101), 60), 'nobody is alive for it any more');
select ok(not pg_temp.send(101), 'nor may it be sent');
select ok(not public.copilot_release_execution(pg_temp.id(101)), 'nor can it be given up');
select ok(not pg_temp.answer(101, '{"status": "error"}'), 'nor answered again');
select ok(not pg_temp.answer(101, null), 'nor left without an answer');
select is(pg_temp.claim(107, 'k'), array['finished', '{"status": "ok"}'], 'the first answer stays');
select pg_temp.lapse(101, 'alive_until') \g /dev/null
select is(pg_temp.claim(107, 'k'), array['finished', '{"status": "ok"}'], 'for longer than any lease');
select is(pg_temp.claim(110, 'unsent'), array['claimed', null], 'one is claimed');
select ok(pg_temp.answer(110, '{}'), 'and answered without having been sent');
select pg_temp.lapse(110, 'alive_until') \g /dev/null
select is(pg_temp.claim(111, 'unsent'), array['finished', '{}'], 'which nobody takes over');
select ok(not pg_temp.answer(112, '{}'), 'nobody answers what they do not hold');
select is_empty(
  'select from copilot_internal.executions where id in (select execution_id from keys)', 'none of this is noted in the ledger'
);

-- Whatever code may print: to the letter, with what jsonb would refuse or tidy up.
create temp table answers (n integer generated always as identity, what text, answer text);
insert into answers (what, answer) values
  ('a null character', '{"stdout":"\u0000"}'),
  ('half a surrogate pair', '{"stdout":"\ud800", "stderr":"\udc00\ud800"}'),
  ('a whole one', '{"stdout":"\ud83d\ude00"}'),
  ('characters as they are', '{"stdout":"é 😀 " }'),
  ('numbers that are too long', '{"n":1e400,"m":0.10000000000000000000000000000000000001000}'),
  ('names that come twice', '{"b":1,"a":2,"b":3}'),
  ('null', 'null'),
  ('a string', '"\\u0000 \n"');
select is(pg_temp.claim(200 + n, 'answer ' || n), array['claimed', null], format('what answers with %s is claimed', what))
from answers where n <= 1;
select pg_temp.claim(200 + n, 'answer ' || n) from answers where n > 1 \g /dev/null
select pg_temp.answer(200 + n, answer) from answers \g /dev/null
select is(pg_temp.claim(300, 'answer ' || n), array['finished', answer], format('an answer with %s is kept', what))
from answers order by n;
select is(
  (select to_json(c)::text from public.copilot_claim_execution(pg_temp.id(300), 'keys', 'answer 1', 'hash', 'c', 'p', 60) c),
  '{"outcome":"finished","answer":{"stdout":"\u0000"},"answer_bytes":19}',
  'and reaches the API as it is'
);

-- Released: nothing ran.
select is(pg_temp.claim(401, 'given up'), array['claimed', null], 'one is claimed');
select ok(not public.copilot_release_execution(pg_temp.id(402)), 'nobody gives up what they do not hold');
select is(pg_temp.claim(402, 'given up'), array['running', null], 'so it is still claimed');
select ok(public.copilot_release_execution(pg_temp.id(401)), 'its holder gives it up');
select ok(not public.copilot_release_execution(pg_temp.id(401)), 'once');
select is(pg_temp.claim(403, 'given up', 'other'), array['claimed', null], 'the next one runs it, whatever the request');
select ok(not public.copilot_keep_execution(pg_temp.id(401), 60), 'and who had it before has no say');
select is(pg_temp.claim(401, 'given up', 'other'), array['running', null], 'nor is it its claim any more');

select is(pg_temp.claim(405, 'refused'), array['claimed', null], 'one is claimed');
select ok(pg_temp.send(405), 'and about to be sent');
select ok(public.copilot_release_execution(pg_temp.id(405)), 'its holder, who could not send it, may still give it up');
select is(pg_temp.claim(406, 'refused'), array['claimed', null], 'and the next one runs it');

select is(pg_temp.claim(404, 'begun'), array['claimed', null], 'one is claimed');
insert into copilot_internal.executions (id, context_id, tenant_id, conversation_id, path_id, language, deadline_at)
values (pg_temp.id(404), pg_temp.id(1), 'keys', 'c', 'p', 'python', clock_timestamp());
select ok(not public.copilot_release_execution(pg_temp.id(404)), 'one that the ledger knows to have begun is not given up');

-- Ended without an answer.
select is(pg_temp.claim(501, 'no answer'), array['claimed', null], 'one is claimed');
select ok(pg_temp.send(501), 'and sent');
select throws_ok(
  $$ select pg_temp.answer(501, '{"stdout":') $$, '22P02', null, 'what is no JSON is no answer'
);
select is(pg_temp.claim(502, 'no answer'), array['running', null], 'and ends nothing');
select ok(public.copilot_answer_execution(pg_temp.id(501)), 'it ends, but nobody knows how');
select is(pg_temp.claim(502, 'no answer'), array['lost', null], 'who asks again is told at once, and need not wait for the lease');
create temp table ended as select alive_until, sent_at, expires_at from keys where execution_id = pg_temp.id(501);
select ok(public.copilot_answer_execution(pg_temp.id(501)), 'that may be said again');
select results_eq(
  'select alive_until, sent_at, expires_at from keys where execution_id = pg_temp.id(501)', 'select * from ended',
  'and changes nothing'
);
select is(pg_temp.claim(503, 'no answer yet'), array['claimed', null], 'one is claimed');
select ok(pg_temp.answer(503, null), 'and given up before it is sent');
select is(pg_temp.claim(504, 'no answer yet'), array['claimed', null], 'then nothing ran, and the next one does it');

-- Its time is over.
select pg_temp.lapse(101, 'expires_at') \g /dev/null
select is(pg_temp.claim(108, 'k', 'other'), array['claimed', null], 'an answer whose time is over is forgotten, and its key is free');
select is(pg_temp.claim(109, 'k', 'other'), array['running', null], 'for one');
select is((select count(*)::integer from keys where idempotency_key = 'k'), 1, 'nothing is left of the one before');
select pg_temp.lapse(501, 'expires_at') \g /dev/null
select is(pg_temp.claim(505, 'no answer'), array['claimed', null], 'so is one that was lost');
select is(sent_at, null, 'and the next one has not been sent') from keys where execution_id = pg_temp.id(505);

-- Every tenant has keys of its own.
select is(pg_temp.claim(601, 'answer 1', 'hash', 'other'), array['claimed', null], 'another tenant''s key of the same name is another key');
select is(pg_temp.claim(602, 'answer 1', 'hash', 'other'), array['running', null], 'whose state is its own');
select is(
  pg_temp.claim(603, 'answer 1'), array['finished', '{"stdout":"\u0000"}'], 'and the first tenant''s is as it was'
);
select is(pg_temp.claim(604, 'ANSWER 1'), array['claimed', null], 'keys that differ in case are two');

-- The settings say for how long.
update copilot_internal.settings set answer_hours = 3;
select pg_temp.claim(701, 'short') \g /dev/null
select ok(
  expires_at between clock_timestamp() + interval '2 hours 59 minutes' and clock_timestamp() + interval '3 hours',
  'an answer is kept for as long as the settings say'
)
from keys where execution_id = pg_temp.id(701);

select * from finish();
rollback;
