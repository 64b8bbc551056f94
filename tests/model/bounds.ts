/** How far the protocol itself is checked. */
import type { Aim, Bounds } from "./spin.ts";

export const SOUND: readonly { readonly bounds: Bounds; readonly aim: Aim }[] = [
  { bounds: { contexts: 3, requests: 3, faults: 1 }, aim: "states" },
  { bounds: { contexts: 3, requests: 4, faults: 0 }, aim: "states" },
  { bounds: { contexts: 3, requests: 2, faults: 1 }, aim: "runs" },
];
