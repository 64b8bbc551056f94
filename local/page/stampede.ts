/** Many callers at once on a new path: of these functions, and of the order of calls that they replace. */
import { Sandbox } from "e2b";
import { z } from "zod";
import type { Sandboxes } from "../sandboxes.ts";

export interface Caller {
  /** What kept it from a sandbox, if anything did. */
  readonly error: string | null;
}

export interface Side {
  readonly callers: readonly Caller[];
  readonly created: number;
  /** Of these, how many were made for nothing. */
  readonly killed: number;
}

interface StampedeOptions {
  readonly apiUrl: string;
  readonly publishableKey: string;
  readonly e2b: Sandboxes;
}

/** How long E2B takes to make a sandbox, in milliseconds. This machine is sooner, and would hide the race. */
const CREATE_MILLISECONDS = 80;

const acquiredSchema = z.object({ context: z.object({ id: z.string() }), was_created: z.boolean() });
const refusedSchema = z.object({ message: z.string() });

/** @param authorization the user's, for whom the callers ask */
export async function stampede(options: StampedeOptions, callers: number, authorization: string) {
  const conversation_id = `stampede-${crypto.randomUUID()}`;
  const ours = await raceOfOurs(options, callers, conversation_id, authorization);
  const hasFailed = ours.callers.some(({ error }) => error !== null);
  // Of another server's sandboxes each costs something.
  const before = options.e2b.server === null || hasFailed
    ? null
    : await raceOfBefore(options, callers, conversation_id, authorization);
  return { ours, before };
}

/** Each asks `acquire-context`. The path is ended afterwards: it was for the picture. */
async function raceOfOurs(
  { apiUrl, publishableKey }: StampedeOptions,
  callers: number,
  conversation_id: string,
  authorization: string,
): Promise<Side> {
  const path = { conversation_id, path_id: "main" };
  const headers = { apikey: publishableKey, authorization, "content-type": "application/json" };
  const ask = (name: string) =>
    fetch(`${apiUrl}/functions/v1/${name}`, { method: "POST", headers, body: JSON.stringify(path) });
  const contexts = new Set<string>();
  let created = 0;
  const answers = await Promise.all(Array.from({ length: callers }, () =>
    attempt(async () => {
      const response = await ask("acquire-context");
      if (!response.ok) throw new Error(refusedSchema.parse(await response.json()).message);
      const { context, was_created } = acquiredSchema.parse(await response.json());
      if (was_created) created++;
      contexts.add(context.id);
    })));
  await (await ask("terminate-context")).body?.cancel();
  return { callers: answers, created, killed: Math.max(0, created - contexts.size) };
}

/**
 * Each looks for the path's row, finds none, has a sandbox made, and inserts the row; whoever comes second kills what it has
 * made. The look is a real one, at the same view, and so are the sandboxes; the row with its unique path is this process's.
 */
async function raceOfBefore(
  { apiUrl, publishableKey, e2b }: StampedeOptions,
  callers: number,
  conversation_id: string,
  authorization: string,
): Promise<Side> {
  const options = { apiKey: e2b.apiKey, apiUrl: e2b.url, sandboxUrl: e2b.sandboxUrl ?? undefined };
  /** Whose sandbox the row has, once there is one. */
  let row: Sandbox | undefined;
  let created = 0;
  let killed = 0;
  const look = async () => {
    const query = new URLSearchParams({ conversation_id: `eq.${conversation_id}-before`, select: "id" });
    const headers = { apikey: publishableKey, authorization };
    const response = await fetch(`${apiUrl}/rest/v1/execution_contexts?${query}`, { headers });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`The database answered ${response.status}.`);
    return row;
  };
  const answers = await Promise.all(Array.from({ length: callers }, () =>
    attempt(async () => {
      if (await look() !== undefined) return;
      await new Promise((resolve) => setTimeout(resolve, CREATE_MILLISECONDS));
      const sandbox = await Sandbox.create("code-interpreter-v1", { ...options, timeoutMs: 60_000 });
      created++;
      if (row === undefined) {
        row = sandbox;
      } else {
        killed++;
        await sandbox.kill();
      }
    })));
  await row?.kill();
  return { callers: answers, created, killed };
}

async function attempt(work: () => Promise<unknown>): Promise<Caller> {
  try {
    await work();
    return { error: null };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
