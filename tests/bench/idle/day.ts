/** A day of many paths, each used for ten minutes in the morning and in the evening, on a clock that is moved by hand. */
import type postgres from "postgres";
import type { Stack } from "../../../local/stack.ts";
import type { AcquireResponse } from "../../../supabase/functions/_shared/contract/acquire_context.ts";
import { invoke, newPath, service, user } from "../../support/clients.ts";
import { date } from "../../support/dates.ts";
import { endAt, providerOf } from "../../support/provider.ts";
import { connect } from "../../support/rows.ts";
import { eventually, sweepNow } from "../../support/settle.ts";
import { startStack } from "../../support/stack.ts";

export interface Plan {
  readonly name: string;
  /** How long a path may stand idle, and how long it may sleep then, in seconds. */
  readonly ttlSeconds: number;
  readonly keepSeconds: number;
}

export interface Day {
  /** Of all paths together, by the ledger. */
  readonly awakeSeconds: number;
  /** Of how many paths the variables of the morning were there in the evening. */
  readonly kept: number;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
/** How long a path is used, how often meanwhile, and when it is used again, in seconds. */
const USE = 10 * MINUTE;
const CALLS = 3;
const EVENING = 9 * HOUR;
const AT_ONCE = 20;

export async function day(paths: number, { ttlSeconds, keepSeconds }: Plan): Promise<Day> {
  await using stack = await startStack({
    env: {
      CONTEXT_TTL_SECONDS: String(ttlSeconds),
      CONTEXT_MAX_TTL_SECONDS: String(Math.max(ttlSeconds, HOUR)),
      CONTEXT_KEEP_SECONDS: String(keepSeconds),
      TENANT_QUOTA: String(paths),
      TENANT_SLEEPING_QUOTA: String(paths),
      TENANT_CREATES_PER_MINUTE: String(100 * paths),
    },
  });
  const sql = connect(stack);
  try {
    const client = await user(stack);
    const all = Array.from({ length: paths }, newPath);
    const call = () => inTurns(all, (path) => invoke(client, "acquire-context", path));
    const morning = await use(call, (seconds) => pass(stack, sql, seconds));
    await pass(stack, sql, EVENING);
    const evening = await use(call, (seconds) => pass(stack, sql, seconds));
    await pass(stack, sql, 24 * HOUR - EVENING);
    return {
      awakeSeconds: await awakeSeconds(stack),
      kept: evening.filter(({ state_id }, index) => state_id === morning[index].state_id).length,
    };
  } finally {
    await sql.end();
  }
}

/** Returns what the first calls were told. */
async function use(call: () => Promise<AcquireResponse[]>, pass: (seconds: number) => Promise<void>) {
  const told = await call();
  for (let calls = 1; calls < CALLS; calls++) {
    await pass(USE / (CALLS - 1));
    await call();
  }
  return told;
}

/** Lets time pass: all that is known of it lies further back, and the provider does what it does at its deadlines. */
async function pass(stack: Stack, sql: postgres.Sql, seconds: number): Promise<void> {
  await eventually("sandboxes live as long as their contexts", async () => {
    const behind = await sql`
      select from copilot_internal.execution_contexts
      where terminated_at is null and sandbox_deadline_at is distinct from greatest(sandbox_deadline_at, expires_at)`;
    return behind.length === 0;
  });
  const ago = sql`make_interval(secs => ${seconds})`;
  // First: a context's end, wherever it is moved to, notes its last span.
  await sql`
    update copilot_internal.sandbox_lives set started_at = started_at - ${ago}, ended_at = ended_at - ${ago}
    where context_id is not null`;
  await sql`
    update copilot_internal.execution_contexts
    set created_at = created_at - ${ago}, activated_at = activated_at - ${ago}, woken_at = woken_at - ${ago},
        last_used_at = last_used_at - ${ago}, expires_at = expires_at - ${ago},
        sandbox_deadline_at = sandbox_deadline_at - ${ago}, terminated_at = terminated_at - ${ago},
        sandbox_killed_at = sandbox_killed_at - ${ago}, may_live_until = may_live_until - ${ago}
    where id is not null`;
  const due = await sql<{ sandbox_id: string }[]>`
    select sandbox_id from copilot_internal.execution_contexts
    where terminated_at is null and sandbox_deadline_at <= clock_timestamp()`;
  await inTurns(due, ({ sandbox_id }) => endAt(providerOf(stack), sandbox_id));
  await sweepNow(stack, sql);
}

async function awakeSeconds(stack: Stack): Promise<number> {
  const { data, error } = await service(stack).rpc("copilot_execution_usage", { p_from: date(-3), p_to: date(0) });
  if (error) throw error;
  return data.reduce((sum: number, row: { sandbox_seconds: number }) => sum + row.sandbox_seconds, 0);
}

async function inTurns<Item, Answer>(items: readonly Item[], act: (item: Item) => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = [];
  const left = [...items.entries()];
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) answers[next[0]] = await act(next[1]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return answers;
}
