/** The variables that a caller expects, and what has become of them. */
import { z } from "zod";

/** In requests: the `state_id` of the answer that the caller has seen last. */
export const expectsSchema = z.uuid();

export const lossSchema = z.object({
  /** As in `previous`; null when nobody knows any more. */
  reason: z.string().nullable(),
  /** ISO 8601; null when nobody knows any more. */
  at: z.string().nullable(),
});
/** How the variables were lost that a request expects. */
export type Loss = z.infer<typeof lossSchema>;
