/** The events that the platform dispatches in a worker (`ext/runtime/js/bootstrap.js` of supabase/edge-runtime). */

/** Why a worker ends, in the words that the `detail.reason` of `beforeunload` has. */
export type EndReason = "cpu" | "memory" | "wall_clock" | "early_drop";

/** `beforeunload` comes when so much of the wall clock, the CPU time or the memory is used. */
export const WARNED_AT = 0.9;

export function dispatchBeforeunload(reason: EndReason): void {
  globalThis.dispatchEvent(new CustomEvent("beforeunload", { cancelable: true, detail: { reason } }));
}

export function dispatchDrain(): void {
  globalThis.dispatchEvent(new Event("drain"));
}
