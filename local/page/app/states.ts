/** How the notebook's contexts stand, as the database sees them. */
import { signal } from "@preact/signals";
import * as z from "zod/mini";
import { supabase } from "./account.ts";
import { notebook } from "./notebook.ts";

const stateSchema = z.object({
  path_id: z.string(),
  state: z.enum(["creating", "awake", "asleep", "ended"]),
  expires_at: z.string(),
  kept_until: z.nullable(z.string()),
  termination_reason: z.nullable(z.string()),
});
export type ContextState = z.infer<typeof stateSchema>;

/** The newest context of each path. */
export const states = signal<ReadonlyMap<string, ContextState>>(new Map());
/** Whether that is how they stand: the stack may not answer. */
export const areKnown = signal(true);
/** Since 1970, in milliseconds: what counts down looks at it. */
export const now = signal(Date.now());

/** Others may use the same conversation, and contexts fall asleep by themselves. */
const LOOK_MILLISECONDS = 3_000;

let isLooking = false;
let isToLookAgain = false;

export function refreshStates(): void {
  if (isLooking) isToLookAgain = true;
  else void look();
}

async function look(): Promise<void> {
  isLooking = true;
  try {
    do {
      isToLookAgain = false;
      await lookOnce();
    } while (isToLookAgain);
  } finally {
    isLooking = false;
  }
}

async function lookOnce(): Promise<void> {
  const { data, error } = await supabase.from("execution_contexts")
    .select("path_id, state, expires_at, kept_until, termination_reason")
    .eq("conversation_id", notebook.value.conversation_id)
    .order("created_at");
  const rows = z.array(stateSchema).safeParse(data);
  // A run says what is wrong.
  areKnown.value = !error && rows.success;
  if (rows.success) states.value = new Map(rows.data.map((row) => [row.path_id, row]));
}

export function watchStates(): void {
  refreshStates();
  setInterval(() => now.value = Date.now(), 1_000);
  setInterval(() => document.visibilityState === "visible" && refreshStates(), LOOK_MILLISECONDS);
}

/** A state in words. */
export function wordsOf(state: ContextState | undefined, at: number): string {
  if (!areKnown.value) return "not known: the stack does not answer";
  if (state === undefined) return "no sandbox yet";
  switch (state.state) {
    case "creating":
      return "a sandbox is being made";
    case "awake":
      return `awake, for ${spanUntil(state.expires_at, at)} more`;
    case "asleep":
      return state.kept_until === null ? "asleep" : `asleep, kept for ${spanUntil(state.kept_until, at)}`;
    case "ended":
      return `ended: ${REASONS.get(state.termination_reason ?? "") ?? state.termination_reason}`;
  }
}

const REASONS = new Map([
  ["terminated", "on request"],
  ["expired", "not used for too long"],
  ["sandbox_lost", "its sandbox was lost"],
  ["evicted", "another path needed its place"],
  ["failed", "its sandbox could not be made"],
  ["abandoned", "who made it never came to an end"],
]);

function spanUntil(time: string, at: number): string {
  const seconds = Math.max(0, Math.round((Date.parse(time) - at) / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}
