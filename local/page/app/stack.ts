/** Where the page's stack is: the local stack writes it into the page. */
import * as z from "zod/mini";

const stackSchema = z.object({
  apiUrl: z.string(),
  publishableKey: z.string(),
  /** Whether the sandboxes are this machine's, so that a race of the old algorithm costs nothing. */
  isLocal: z.boolean(),
});

export const stack = stackSchema.parse(JSON.parse(document.getElementById("stack")?.textContent ?? "null"));
