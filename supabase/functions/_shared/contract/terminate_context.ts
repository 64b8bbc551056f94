/** terminate-context, as callers ask for it and what they get. */
import { z } from "zod";
import { idSchema, strictFields } from "./path.ts";

const terminateScopeSchema = strictFields({
  tenant_id: idSchema.optional(),
  conversation_id: idSchema.optional(),
  path_id: idSchema.optional(),
  context_id: z.uuid().optional(),
}).superRefine((request, issues) => {
  if (request.conversation_id === undefined && request.context_id === undefined) {
    issues.addIssue({
      code: "custom",
      path: ["conversation_id"],
      message: "is required, unless context_id is given",
    });
  }
  if (request.path_id !== undefined && request.conversation_id === undefined) {
    issues.addIssue({ code: "custom", path: ["path_id"], message: "needs conversation_id beside it" });
  }
});

/** Instead of a scope, a service may ask for what is due to be swept. */
const sweepRequestSchema = strictFields({ due: z.literal(true) });

export const terminateRequestSchema = z.looseObject({ due: z.unknown().optional() }).transform((body, issues) => {
  const parsed = (body.due === undefined ? terminateScopeSchema : sweepRequestSchema).safeParse(body);
  if (parsed.success) return parsed.data;
  issues.issues.push(...parsed.error.issues.map((issue) => ({ ...issue, input: undefined })));
  return z.NEVER;
});
export type TerminateScope = z.infer<typeof terminateScopeSchema>;

/** What a sweep did. Counts at the limit of a batch mean that there may be more. */
export interface SweepResponse {
  /** Contexts retired because their deadline had passed. */
  expired: number;
  /** Owed kills that E2B confirmed. */
  killed: number;
  /** Sandboxes killed because no active context owned them. */
  orphans: number;
  /** Kills that failed: they stay owed. */
  failed: number;
}

export interface TerminateResponse {
  /** How many contexts this call ended. Ending what has ended is no error. */
  terminated: number;
}
