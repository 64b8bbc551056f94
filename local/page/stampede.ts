/** Many callers at once on a new path: of these functions, and of the order of calls that they replace. */
import { Sandbox } from "e2b";
import { z } from "zod";
import type { Sandboxes } from "../sandboxes.ts";

export interface Caller {
  /** Which of the sandboxes it was given, by number; null: none. */
  readonly sandbox: number | null;
  /** In milliseconds. */
  readonly took: number;
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
  const before = options.e2b.server === null
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
  const contexts: string[] = [];
  let created = 0;
  const answers = await Promise.all(Array.from({ length: callers }, () =>
    timed(async () => {
      const response = await ask("acquire-context");
      if (!response.ok) throw new Error(refusedSchema.parse(await response.json()).message);
      const { context, was_created } = acquiredSchema.parse(await response.json());
      if (was_created) created++;
      if (!contexts.includes(context.id)) contexts.push(context.id);
      return contexts.indexOf(context.id);
    })));
  await (await ask("terminate-context")).body?.cancel();
  return { callers: answers, created, killed: Math.max(0, created - contexts.length) };
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
  const rows = new Map<string, number>();
  let created = 0;
  let killed = 0;
  const look = async () => {
    const query = new URLSearchParams({ conversation_id: `eq.${conversation_id}-before`, select: "id" });
    const headers = { apikey: publishableKey, authorization };
    const response = await fetch(`${apiUrl}/rest/v1/execution_contexts?${query}`, { headers });
    await response.body?.cancel();
    return rows.get(conversation_id);
  };
  const kept: Sandbox[] = [];
  const answers = await Promise.all(Array.from({ length: callers }, () =>
    timed(async () => {
      const found = await look();
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, CREATE_MILLISECONDS));
      const sandbox = await Sandbox.create("code-interpreter-v1", { ...options, timeoutMs: 60_000 });
      const number = created++;
      const winner = rows.get(conversation_id);
      if (winner !== undefined) {
        killed++;
        await sandbox.kill();
        return winner;
      }
      rows.set(conversation_id, number);
      kept.push(sandbox);
      return number;
    })));
  await Promise.all(kept.map((sandbox) => sandbox.kill()));
  return { callers: answers, created, killed };
}

async function timed(work: () => Promise<number>): Promise<Caller> {
  const begun = performance.now();
  const took = () => Math.round(performance.now() - begun);
  try {
    const sandbox = await work();
    return { sandbox, took: took(), error: null };
  } catch (error) {
    return { sandbox: null, took: took(), error: error instanceof Error ? error.message : String(error) };
  }
}
