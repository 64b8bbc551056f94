/** Every way, in turn, at each latency: what slows the machine for a while slows all of them. */
import { median, medianDifference, percentile } from "../statistics.ts";
import { connect } from "../../support/rows.ts";
import type { Figures, Row } from "./aims.ts";
import { JSON_ANSWER, NEW_PATH, ours, STREAM } from "./ours.ts";
import { delay, DEPLOYMENT, LATENCIES, named, quiet, startScene } from "./scene.ts";
import { sdk } from "./sdk.ts";
import { seed } from "./seed.ts";
import { type Calls, type Mark, Stopwatch } from "./stopwatch.ts";
import { measureWaiters } from "./waiters.ts";
import { ANSWER, FIRST_OUTPUT } from "./way.ts";
import { CLAIM_CREATE_ACTIVATE, CLAIM_EXECUTE, yardstick } from "./yardstick.ts";

/** Each connection has been used, and each plan been made, after so many. */
const WARM_UPS = 3;

interface Sample extends Mark {
  readonly way: string;
  readonly latency: string;
  readonly all: Calls;
}

export async function measureLatency(rounds: number, onProgress: (message: string) => void): Promise<Figures> {
  const samples = await measureWays(rounds, onProgress);
  const waiters = [];
  for (const processes of [1, 4]) {
    onProgress(`Callers of one new path, ${processes} of the functions' processes`);
    waiters.push(await measureWaiters(processes));
  }
  const behind = (way: string, of: string, mark: string) =>
    medianDifference(times(samples, way, mark), times(samples, of, mark));
  return {
    rows: rowsOf(samples),
    waiters,
    first_output_over_claim_execute_ms: behind(STREAM, CLAIM_EXECUTE, FIRST_OUTPUT),
    answer_over_claim_execute_ms: behind(JSON_ANSWER, CLAIM_EXECUTE, ANSWER),
    new_path_over_claim_create_activate_ms: behind(NEW_PATH, CLAIM_CREATE_ACTIVATE, ANSWER),
  };
}

async function measureWays(rounds: number, onProgress: (message: string) => void): Promise<Sample[]> {
  await using scene = await startScene();
  const sql = connect(scene.stack);
  try {
    const ways = [...ours(scene), ...await yardstick(scene), ...sdk(scene), ...await seed(scene, sql)];
    const samples: Sample[] = [];
    for (let round = -WARM_UPS; round < rounds; round++) {
      onProgress(round < 0 ? "Warming up" : `Round ${round + 1} of ${rounds}`);
      for (const latency of LATENCIES) {
        delay(scene, latency);
        for (const { name, run } of ways) {
          const watch = new Stopwatch(scene);
          const undo = await run(watch);
          await quiet(scene);
          const all = watch.all();
          if (round >= 0) {
            samples.push(...watch.marks.map((mark) => ({ ...mark, way: name, latency: named(latency), all })));
          }
          await undo?.();
          await quiet(scene);
        }
      }
    }
    return samples;
  } finally {
    await sql.end();
  }
}

/** One entry a round, where a deployment is. */
function times(samples: readonly Sample[], way: string, mark: string): number[] {
  return samples.filter((sample) => sample.way === way && sample.name === mark && sample.latency === named(DEPLOYMENT))
    .map(({ milliseconds }) => milliseconds);
}

function rowsOf(samples: readonly Sample[]): Row[] {
  const groups = Map.groupBy(samples, ({ way, name }) => `${way}: ${name}`);
  return [...groups].map(([what, group]) => {
    const at = Map.groupBy(group, ({ latency }) => latency);
    // Without a latency it is chance which of two calls that overlap comes first.
    const slow = at.get(named(DEPLOYMENT)) ?? [];
    return {
      what,
      milliseconds: Object.fromEntries([...at].map(([latency, these]) => {
        const all = these.map(({ milliseconds }) => milliseconds);
        return [latency, { p50: percentile(all, 50), p95: percentile(all, 95) }];
      })),
      before: usual(slow.map(({ before }) => before)),
      beside: usual(slow.map(({ beside }) => beside)),
      all: usual(slow.map(({ all }) => all)),
    };
  });
}

/** The calls of the round whose number of calls is the middle one: now and then one is beside that is made once a minute. */
function usual(calls: readonly Calls[]): Calls {
  const count = ({ database, provider }: Calls) => database.length + provider.length;
  const middle = median(calls.map(count));
  return calls.find((these) => count(these) === middle) ?? { database: [], provider: [] };
}
