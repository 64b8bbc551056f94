/**
 * The HTTP contract: what callers may send and what they get. Field names are the wire's, snake_case.
 *
 * | word | meaning |
 * | --- | --- |
 * | tenant | the isolation boundary of a caller |
 * | conversation, path | a chat and one branch of it |
 * | execution context | one life of a sandbox on a path |
 * | sandbox | the E2B machine |
 * | kernel | the interpreter in it, which keeps variables between executions |
 */
import { z } from "zod";

/** Longest id, in characters. */
const ID_CHARACTERS = 255;
/** Longest id, in bytes of UTF-8: three ids must fit in one entry of a Postgres B-tree (2,704 bytes). */
const ID_BYTES = 765;
/** E2B's longest sandbox life on its largest plan, in seconds. */
export const LONGEST_TTL_SECONDS = 24 * 60 * 60;

/** Length in bytes of UTF-8. */
export const utf8Length = (text: string) => new TextEncoder().encode(text).length;

/** Ids are the application's own. */
export const idSchema = z.string()
  .refine((id) => id.length > 0, "must not be empty")
  .refine((id) => [...id].length <= ID_CHARACTERS, `must be at most ${ID_CHARACTERS} characters`)
  .refine((id) => utf8Length(id) <= ID_BYTES, `must be at most ${ID_BYTES} bytes of UTF-8`)
  // Postgres stores neither.
  .refine((id) => !id.includes("\0") && id.isWellFormed(), "must be well-formed text without NUL characters");

/** What names a path, and how long its context may stand idle. */
export const pathFields = {
  tenant_id: idSchema.optional(),
  conversation_id: idSchema,
  path_id: idSchema,
  ttl_seconds: z.int().min(1).max(LONGEST_TTL_SECONDS).optional(),
};

export const acquireRequestSchema = z.strictObject(pathFields);
export type AcquireRequest = z.infer<typeof acquireRequestSchema>;

const terminateScopeSchema = z.strictObject({
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
const sweepRequestSchema = z.strictObject({ due: z.literal(true) });

export const terminateRequestSchema = z.looseObject({ due: z.unknown().optional() }).transform((body, issues) => {
  const parsed = (body.due === undefined ? terminateScopeSchema : sweepRequestSchema).safeParse(body);
  if (parsed.success) return parsed.data;
  issues.issues.push(...parsed.error.issues.map((issue) => ({ ...issue, input: undefined })));
  return z.NEVER;
});
export type TerminateScope = z.infer<typeof terminateScopeSchema>;

/**
 * How variables were lost on the path before: its last context ended, or, with the reason `kernel_restarted`, its kernel
 * did not let itself be interrupted.
 */
export interface PreviousContext {
  termination_reason: string;
  terminated_at: string;
}

/** An execution context as callers see it. Times are ISO 8601. */
export interface ContextView {
  id: string;
  conversation_id: string;
  path_id: string;
  ttl_seconds: number;
  created_at: string;
  last_used_at: string;
  expires_at: string;
  /** For services only: who knows it can reach the sandbox past these functions. */
  sandbox_id?: string;
}

export interface AcquireResponse {
  context: ContextView;
  /** Whether this call made the sandbox: its kernel is new and empty. */
  was_created: boolean;
  /** Null when the path never had a context before, or none in the week for which ended ones are kept. */
  previous: PreviousContext | null;
}

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
