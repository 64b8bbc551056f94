/** The variables that a caller expects, and what has become of them. */
import * as z from "zod/mini";

/** In requests: the `state_id` of the answer that the caller has seen last. */
export const expectsSchema = z.uuid();

export const lossSchema = z.object({
  /** As in `previous`; null when nobody knows any more. */
  reason: z.nullable(z.string()),
  /** ISO 8601; null when nobody knows any more. */
  at: z.nullable(z.string()),
});
/** How the variables were lost that a request expects. */
export type Loss = z.infer<typeof lossSchema>;
