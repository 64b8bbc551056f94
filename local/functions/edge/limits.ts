/** What the platform grants one worker. */

import { z } from "zod";

export const WorkerLimits = z.object({
  /** From the worker's birth to its end, in seconds. At half of it the worker gets no more requests. */
  wallClockSeconds: z.number().positive(),
  /** Of one thread, from the evaluation of the function's modules on, in milliseconds: from here on no more requests. */
  cpuSoftMilliseconds: z.number().positive(),
  /** The same, up to the worker's end. */
  cpuHardMilliseconds: z.number().positive(),
  /** V8's heap in use, and what JavaScript holds outside of it. */
  memoryMebibytes: z.int().positive(),
  /** From a request to the first of its answer. */
  idleSeconds: z.number().positive(),
});
export type WorkerLimits = Readonly<z.infer<typeof WorkerLimits>>;

/** Wall clock, by the plan: https://supabase.com/docs/guides/functions/limits */
export const PLANS = { free: 150, paid: 400 } as const;
export type Plan = keyof typeof PLANS;

/** As the Supabase CLI's main worker sets them; `idleSeconds` as the platform's documentation has it. */
export const PLATFORM_LIMITS: WorkerLimits = {
  wallClockSeconds: PLANS.paid,
  cpuSoftMilliseconds: 1000,
  cpuHardMilliseconds: 2000,
  memoryMebibytes: 256,
  idleSeconds: 150,
};
