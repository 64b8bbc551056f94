/** Many callers of one new path at once: how long after the one who created its sandbox the others have their answers. */
import assert from "node:assert/strict";
import { invoke, newPath } from "../../support/clients.ts";
import { at } from "../../support/faulty_stack.ts";
import { percentile } from "../statistics.ts";
import { delay, DEPLOYMENT, quiet, type Scene, startScene } from "./scene.ts";

export const CALLERS = 200;
const ROUNDS = 5;

export interface WaitersFigures {
  readonly processes: number;
  /** Of sandboxes, a round, at most. */
  readonly creates: number;
  /** After the answer of who created it, in milliseconds, of all rounds together. */
  readonly p50_ms: number;
  readonly p95_ms: number;
  /** The same callers, of a path that has been there: after the first answer. So long this machine takes to answer them all. */
  readonly warm_p50_ms: number;
  readonly warm_p95_ms: number;
  /** Calls of the database and of E2B, a round. */
  readonly claims: number;
  readonly connects: number;
}

export async function measureWaiters(processes: number): Promise<WaitersFigures> {
  await using scene = await startScene(processes);
  const { client, proxy, database } = scene;
  delay(scene, DEPLOYMENT);
  const path = newPath();
  // Each process must have its connections, as those have that serve so many.
  await together(scene, path);
  const [behind, warm]: [number[], number[]] = [[], []];
  let [creates, claims, connects] = [0, 0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    await quiet(scene);
    warm.push(...after(await together(scene, path), (times) => Math.min(...times.map(({ answered }) => answered))));
    await quiet(scene);
    const fresh = newPath();
    const [asked, claimed] = [proxy.requests.length, database.requests.length];
    const times = await together(scene, fresh);
    await quiet(scene);
    const asks = proxy.requests.slice(asked);
    creates = Math.max(creates, asks.filter(at.create).length);
    connects += asks.filter(at.connect).length;
    claims += database.requests.slice(claimed).filter(at.claim).length;
    behind.push(...after(times, ([...winners]) => {
      const winner = winners.find(({ wasCreated }) => wasCreated);
      assert(winner);
      return winner.answered;
    }));
    await invoke(client, "terminate-context", { conversation_id: fresh.conversation_id });
  }
  return {
    processes,
    creates,
    p50_ms: percentile(behind, 50),
    p95_ms: percentile(behind, 95),
    warm_p50_ms: percentile(warm, 50),
    warm_p95_ms: percentile(warm, 95),
    claims: claims / ROUNDS,
    connects: connects / ROUNDS,
  };
}

interface Caller {
  /** On `performance.now()`'s clock. */
  readonly answered: number;
  readonly wasCreated: boolean;
}

async function together({ client }: Scene, path: ReturnType<typeof newPath>): Promise<Caller[]> {
  return await Promise.all(Array.from({ length: CALLERS }, async () => {
    const { was_created } = await invoke(client, "acquire-context", path);
    return { answered: performance.now(), wasCreated: was_created };
  }));
}

function after(callers: readonly Caller[], begin: (callers: readonly Caller[]) => number): number[] {
  const begun = begin(callers);
  return callers.map(({ answered }) => answered - begun);
}
