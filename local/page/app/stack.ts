/** Where the page's stack is: the local stack writes it into the page. */
import * as z from "zod/mini";

const stackSchema = z.object({
  publishableKey: z.string(),
  /** Whether the sandboxes are this machine's, so that a race of the old algorithm costs nothing. */
  isLocal: z.boolean(),
});

const told: unknown = JSON.parse(document.getElementById("stack")?.textContent ?? "null");

/** The API is where the page is, by whichever name its user came. */
export const stack = { apiUrl: location.origin, ...stackSchema.parse(told) };
