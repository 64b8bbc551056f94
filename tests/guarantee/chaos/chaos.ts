/** Many clients, several processes, random faults, processes that die; then a count of what is left. */
import type { Stack } from "../../../local/stack.ts";
import { newPath, service, user } from "../../support/clients.ts";
import { at, startFaultyStack } from "../../support/faulty_stack.ts";
import { killBehindOurBack, pauseAt } from "../../support/provider.ts";
import { connect, reachDeadline } from "../../support/rows.ts";
import { sweepNow } from "../../support/settle.ts";
import { baselineAcquire, prepareBaseline, type Race } from "./baseline.ts";
import { ChaosClient, type Path } from "./client.ts";
import { faults, killProcesses, pause } from "./mischief.ts";
import { findOrphans } from "./orphans.ts";
import { random } from "./random.ts";
import { newTally, type Tally } from "./tally.ts";

export interface ChaosOptions {
  readonly seconds: number;
  readonly processes: number;
  readonly seed: number;
  /** Paths, each with a kernel of its own: about 160 MB. */
  readonly paths: number;
  readonly clientsPerPath: number;
  /** Callers of a new path at once, in the races against the baseline. */
  readonly races: readonly number[];
  readonly onProgress?: (message: string) => void;
}

export interface ChaosReport extends Omit<Tally, "violations"> {
  readonly seed: number;
  readonly orphan_seconds_max: number;
  /** Ready contexts after the bound. */
  readonly active_rows: number;
  /** Sandboxes alive after the bound. */
  readonly sandboxes_alive: number;
  readonly violations: number;
  readonly violation_details: readonly string[];
  readonly races: { readonly ours: readonly Race[]; readonly baseline: readonly Race[] };
}

/** In seconds, short so that a minute sees many of them end. Creating may take half a lease. */
const LEASE = 3;
const PROBATION = 5;
/** What an orphan's life is made of: creating, probation, the minute's sweep (here a second), and one of the database's calls. */
const BOUND = LEASE / 2 + PROBATION + 1 + 10;

/** A kill that is owed, and came to nothing, is tried again by the first sweep so many seconds later. */
const RETRY = 30;

/** Lets chaos reign for a while and reports. */
export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seconds, processes, seed, onProgress } = options;
  const chance = random(seed);
  const tally = newTally();
  onProgress?.("starting the stack");
  const faulty = await startFaultyStack({
    functions: processes,
    env: {
      CONTEXT_LEASE_SECONDS: String(LEASE),
      TENANT_CREATES_PER_MINUTE: "1000",
      TENANT_EXECUTIONS_PER_MINUTE: "10000",
      SANDBOX_PROBATION_SECONDS: String(PROBATION),
      // Longer than any orphan may live: its own time limit must not be what ends it.
      CONTEXT_TTL_SECONDS: "300",
      EXECUTION_TIMEOUT_SECONDS: "20",
      EXECUTION_LEASE_SECONDS: String(LEASE),
    },
  });
  const sql = connect(faulty.stack);
  try {
    // Several users share each path: nobody may be turned away for that.
    await sql`update copilot_internal.settings set conversation_access = 'tenant' where conversation_access <> 'tenant'`;
    const over = AbortSignal.timeout(seconds * 1000);
    const killBehind = (contextId: string) => killBehindOurBack(faulty.provider, contextId).catch(() => undefined);
    const clients = await Promise.all(
      Array.from({ length: options.paths }, newPath).flatMap((path, index) =>
        Array.from({ length: options.clientsPerPath }, async (_, turn) => {
          const client = await user(faulty.stack, `chaos-${index}`);
          return new ChaosClient(`c${index}_${turn}`, client, path, chance.fork(), tally, {
            kill: killBehind,
            expire: () => reachDeadline(sql, path),
            sleep: () => dropOff(faulty, sql, path),
          });
        })
      ),
    );
    faulty.proxy.mischief = faults(chance.fork(), tally, "provider");
    faulty.database.mischief = faults(chance.fork(), tally, "database");
    onProgress?.(
      `${clients.length} clients on ${options.paths} paths, ${processes} processes, ${seconds} s, seed ${seed}`,
    );
    await Promise.all([
      ...clients.map((client) => client.run(over)),
      killProcesses(faulty.stack.functions.processes, chance.fork(), tally, over),
      sweepEverySecond(faulty.stack, over),
    ]);

    onProgress?.("races on new paths, against the algorithm that this one replaces");
    const races = await race(options.races, faulty, sql);

    onProgress?.(`chaos is over; at most ${BOUND} s until every sandbox is owned, and every context has its sandbox`);
    faulty.proxy.mischief = () => undefined;
    faulty.database.mischief = () => undefined;
    await Promise.all(clients.map((client) => client.comeBack()));
    const left = await settle(faulty.stack, faulty.provider, sql, tally);
    const orphans = await findOrphans(faulty.provider, sql);
    for (const { sandboxId, seconds, isOwed } of orphans) {
      const kills = faulty.proxy.requests.filter((line) => at.kill(line) && line.path.includes(sandboxId)).length;
      if (seconds <= BOUND + RETRY * (isOwed ? Math.max(1, kills) : 1)) continue;
      tally.violations.push(`an orphan lived ${seconds} s, in which ${kills} kills were sent`);
    }
    return {
      seed,
      operations: tally.operations,
      branches: tally.branches,
      wakes: tally.wakes,
      faults: tally.faults,
      kills: tally.kills,
      errors: tally.errors,
      retryable_errors: tally.retryable_errors,
      fatal_errors: tally.fatal_errors,
      orphan_seconds_max: Math.round(Math.max(0, ...orphans.map(({ seconds }) => seconds)) * 10) / 10,
      ...left,
      violations: tally.violations.length,
      violation_details: tally.violations,
      races,
    };
  } finally {
    await sql.end();
    await faulty.stop();
  }
}

/** Has the path's context fall asleep, and its sandbox at the provider, be it in the middle of a run. */
async function dropOff(
  { provider }: Pick<Awaited<ReturnType<typeof startFaultyStack>>, "provider">,
  sql: ReturnType<typeof connect>,
  path: Path,
): Promise<void> {
  const slept = await sql<{ sandbox_id: string }[]>`
    update copilot_internal.execution_contexts
    set expires_at = clock_timestamp(), sandbox_deadline_at = clock_timestamp()
    where conversation_id = ${path.conversation_id} and path_id = ${path.path_id} and sandbox_status = 'ready'
    returning sandbox_id`;
  // It may be gone, or sleep already.
  for (const { sandbox_id } of slept) await pauseAt(provider, sandbox_id).catch(() => undefined);
}

/** What pg_cron does every minute, sixty times as often. It too meets the faults: the next one makes up for it. */
async function sweepEverySecond(stack: Stack, over: AbortSignal): Promise<void> {
  const client = service(stack);
  while (!over.aborted) {
    await client.functions.invoke("terminate-context", { body: { due: true } });
    await pause(1000);
  }
}

/** Sweeps until every sandbox that lives is owned by an active context and the other way round, or the bound is over. */
async function settle(
  stack: Stack,
  provider: Awaited<ReturnType<typeof startFaultyStack>>["provider"],
  sql: ReturnType<typeof connect>,
  tally: Tally,
): Promise<{ active_rows: number; sandboxes_alive: number }> {
  const giveUpAt = performance.now() + BOUND * 1000;
  for (;;) {
    await sweepNow(stack, sql);
    const rows = await sql<{ sandbox_id: string | null }[]>`
      select sandbox_id from copilot_internal.execution_contexts where terminated_at is null`;
    const owned = new Set(rows.map((row) => row.sandbox_id));
    const alive = provider.sandboxes().filter((sandbox) =>
      sandbox.ended === null && sandbox.metadata.context_id !== undefined
    );
    const unowned = alive.filter((sandbox) => !owned.has(sandbox.sandboxId));
    if (unowned.length === 0 && alive.length === rows.length) {
      return { active_rows: rows.length, sandboxes_alive: alive.length };
    }
    if (performance.now() >= giveUpAt) {
      tally.violations.push(
        `after the bound ${rows.length} active contexts, ${alive.length} sandboxes alive, ${unowned.length} of them unowned`,
      );
      return { active_rows: rows.length, sandboxes_alive: alive.length };
    }
    await pause(500);
  }
}

/** N callers of a new path at once, ours and the baseline's, while the faults go on. */
async function race(
  sizes: readonly number[],
  { stack, provider, proxy }: Awaited<ReturnType<typeof startFaultyStack>>,
  sql: ReturnType<typeof connect>,
): Promise<ChaosReport["races"]> {
  await prepareBaseline(sql);
  const client = await user(stack);
  const ours: Race[] = [];
  const baseline: Race[] = [];
  for (const callers of sizes) {
    const path = newPath();
    await Promise.all(
      Array.from({ length: callers }, () => client.functions.invoke("acquire-context", { body: path })),
    );
    const rows = await sql<{ id: string; sandbox_id: string | null; active: boolean }[]>`
      select id, sandbox_id, terminated_at is null as active from copilot_internal.execution_contexts
      where conversation_id = ${path.conversation_id}`;
    const made = provider.sandboxes().filter((sandbox) => rows.some((row) => row.id === sandbox.metadata.context_id));
    const owner = rows.find((row) => row.active)?.sandbox_id;
    const unowned = made.filter((sandbox) => sandbox.ended === null && sandbox.sandboxId !== owner);
    ours.push({ callers, creates: made.length, orphans: unowned.length });

    const name = `baseline-${crypto.randomUUID()}`;
    const e2b = { apiUrl: proxy.url, apiKey: provider.apiKey };
    await Promise.allSettled(Array.from({ length: callers }, () => baselineAcquire(sql, e2b, name)));
    const theirs = provider.sandboxes().filter((sandbox) => sandbox.metadata.baseline === name);
    const [winner] = await sql.unsafe("select sandbox_id from baseline_contexts where path_id = $1", [name]);
    const orphans = theirs.filter((sandbox) => sandbox.ended === null && sandbox.sandboxId !== winner?.sandbox_id);
    baseline.push({ callers, creates: theirs.length, orphans: orphans.length });
  }
  return { ours, baseline };
}
