import * as z from "zod/mini";
import { acquire } from "../contexts/acquire.ts";
import { lossOf } from "../contexts/loss.ts";
import { pathKeyOf } from "../contexts/path_key.ts";
import { view } from "../contexts/view.ts";
import { acquireRequestSchema } from "../contract/acquire_context.ts";
import { idSchema } from "../contract/path.ts";
import { ContextError } from "../errors.ts";
import { checked } from "../http/body.ts";
import { noting } from "./notes.ts";
import { answer, type Tool } from "./tool.ts";

const input = z.strictObject({
  path: idSchema.check(z.describe("The name of the new branch: any text. Other tools take it as their path.")),
  from: z.optional(idSchema.check(z.describe("The branch to begin with. Leave it out for the main one."))),
});

export const branch: Tool<z.infer<typeof input>> = {
  name: "branch",
  title: "Branch off",
  description: "Makes a branch of the session: one that begins with a copy of its variables and files, and shares " +
    "nothing with it from then on. To try something without harm, or to go on from an earlier point in two ways.",
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input,
  run: async ({ call, session }, { path, from = session.pathId }) => {
    if (path === from) {
      throw new ContextError("invalid_request", "path: must be another one than that to begin with.", {
        field: "path",
      });
    }
    const request = checked(acquireRequestSchema, {
      ...session.conversation,
      path_id: path,
      from_path_id: from,
      ttl_seconds: session.ttlSeconds,
    });
    const key = pathKeyOf(call.caller, request);
    const { expects, noteOf } = noting(key, "The session");
    const acquired = await acquire(call, key, {
      ttlSeconds: request.ttl_seconds,
      fromPathId: from,
      evict: false,
      isAsked: true,
    });
    const branched = view({ ...acquired, lost: await lossOf(call, acquired.context, expects) }, call.caller);
    return answer([told(branched, from), noteOf(branched)]);
  },
};

function told({ was_created, forked_from, context }: ReturnType<typeof view>, from: string): string {
  const name = JSON.stringify(context.path_id);
  if (!was_created) return `The branch ${name} was there already, and is as it was.`;
  return forked_from === null
    ? `The branch ${name} begins empty: ${JSON.stringify(from)} has no session.`
    : `The branch ${name} begins with what ${JSON.stringify(from)} has.`;
}
