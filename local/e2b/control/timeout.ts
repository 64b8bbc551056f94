import { z } from "zod";

/** In seconds: the longest life a paid plan of E2B grants. */
export const MAX_TIMEOUT_S = 24 * 60 * 60;

/** The two forms of create and connect, which E2B keeps apart by their paths. */
export type Version = "v1" | "v2";

/** In seconds. */
export const timeoutSchema = z.int().min(0).max(MAX_TIMEOUT_S).optional();

/** In milliseconds; each version has a default of its own. */
export function timeoutMs(seconds: number | undefined, version: Version): number {
  return (seconds ?? (version === "v1" ? 15 : 300)) * 1000;
}
