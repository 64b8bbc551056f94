/** Lets a stack serve a steady mix, sweep and clean up, and watches the memory of its parts. */
import { startStack } from "../../../local/stack.ts";
import { service } from "../../support/clients.ts";
import { connect } from "../../support/rows.ts";
import { eventually, sweepNow } from "../../support/settle.ts";
import { countError, mix, type Tally } from "./mix.ts";
import { memoryOf, PARTS } from "./parts.ts";
import { type Sample, type Trend, trendOf } from "./trend.ts";

export interface SoakFigures {
  readonly minutes: number;
  readonly calls: Tally["calls"];
  readonly errors: Tally["errors"];
  /** In MiB, by the part. */
  readonly memory: Readonly<Record<string, Trend>>;
  /** Contexts and sandboxes that are there when all have ended. */
  readonly left: { readonly active: number; readonly alive: number };
}

const PROCESSES = 2;
const SAMPLE_MILLISECONDS = 2000;
const SWEEP_MILLISECONDS = 10_000;

/**
 * This much is for caches, pools and compilers to fill, and is not looked at: a share of the time, but a minute at least,
 * and not more than half.
 */
const WARM_UP = { share: 0.1, leastMilliseconds: 60_000, mostShare: 0.5 };

export async function soak(minutes: number, onProgress: (message: string) => void): Promise<SoakFigures> {
  onProgress("Starting a stack");
  await using parts = new AsyncDisposableStack();
  const stack = parts.use(
    await startStack({
      functions: PROCESSES,
      env: { TENANT_CREATES_PER_MINUTE: "100000", TENANT_EXECUTIONS_PER_MINUTE: "1000000" },
    }),
  );
  const sql = parts.adopt(connect(stack), (session) => session.end({ timeout: 5 }));

  const begun = performance.now();
  const length = minutes * 60_000;
  const end = begun + length;
  const warmUp = Math.max(WARM_UP.share * length, WARM_UP.leastMilliseconds);
  const watched = begun + Math.min(warmUp, WARM_UP.mostShare * length);
  const tally: Tally = { calls: {}, errors: {} };
  const samples: Record<string, Sample>[] = [];
  const sampler = setInterval(() => {
    if (performance.now() < watched) return;
    try {
      const memory = memoryOf(stack);
      const at = (performance.now() - watched) / 1000;
      samples.push(eachPart((part) => ({ at, value: memory[part] })));
    } catch (error) {
      countError(tally, "reading the memory", error);
    }
  }, SAMPLE_MILLISECONDS);
  const sweep = () => sweepNow(stack, sql).catch((error) => countError(tally, "sweep", error));
  const sweeps: Promise<void>[] = [];
  const sweeper = setInterval(() => sweeps.push(sweep()), SWEEP_MILLISECONDS);
  onProgress(`Serving a steady mix for ${minutes} minutes`);
  try {
    await mix(service(stack), tally, () => performance.now() >= end);
  } finally {
    clearInterval(sampler);
    clearInterval(sweeper);
    await Promise.all(sweeps);
  }
  const left = async () => {
    const [{ active }] = await sql<{ active: number }[]>`
      select count(*)::integer as active from copilot_internal.execution_contexts where terminated_at is null
    `;
    return { active, alive: stack.e2b.server?.sandboxes().filter(({ ended }) => ended === null).length ?? NaN };
  };
  onProgress("Waiting until what was left has ended");
  await eventually("nothing is left", async () => {
    await sweep();
    const { active, alive } = await left();
    return active === 0 && alive === 0;
  }, { seconds: 300, everyMilliseconds: 1000 });
  return {
    minutes,
    ...tally,
    memory: eachPart((part) => trendOf(samples.map((sample) => sample[part]))),
    left: await left(),
  };
}

function eachPart<T>(of: (part: string) => T): Record<string, T> {
  return Object.fromEntries(PARTS.map((part) => [part, of(part)]));
}
