/** What code prints, told to an agent while it runs. */
import type { ServerContext } from "@modelcontextprotocol/server";
import * as z from "zod/mini";
import type { Call } from "../call.ts";

/** Most characters that are told of one run: an agent that is slow to take them would have them held here. */
const CHARACTERS = 256 * 1024;

const printedSchema = z.object({ text: z.string() });

/** Undefined: the agent did not ask for it. */
export function progressOf({ mcpReq }: ServerContext): Call["tell"] | undefined {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return undefined;
  let progress = 0;
  return async ({ event, data }) => {
    const printed = event === "stdout" || event === "stderr" ? printedSchema.parse(data).text : "";
    if (printed === "" || progress >= CHARACTERS) return;
    progress += printed.length;
    const params = { progressToken, progress, message: printed };
    // Nobody is told whose connection has gone. The run goes on, or is stopped, by other ways.
    await mcpReq.notify({ method: "notifications/progress", params }).catch(() => {});
  };
}
