/** terminate-context, as callers ask for it and what they get. */
import * as z from "zod/mini";
import { idSchema, partyFields, strictFields } from "./path.ts";

export const scopeSchema = strictFields({
  ...partyFields,
  /** Of every conversation of the user, or, for a service that names none, of the tenant. */
  all: z.optional(z.literal(true)),
  conversation_id: z.optional(idSchema),
  path_id: z.optional(idSchema),
  context_id: z.optional(z.uuid()),
}).check(z.superRefine((request, issues) => {
  const names = [request.conversation_id, request.context_id].filter((id) => id !== undefined);
  if (request.all === undefined && names.length === 0) {
    issues.addIssue({
      code: "custom",
      path: ["conversation_id"],
      message: "is required, unless context_id or all is given",
    });
  }
  if (request.all !== undefined && names.length > 0) {
    issues.addIssue({ code: "custom", path: ["all"], message: "cannot be beside conversation_id or context_id" });
  }
  if (request.path_id !== undefined && request.conversation_id === undefined) {
    issues.addIssue({ code: "custom", path: ["path_id"], message: "needs conversation_id beside it" });
  }
}));
export type TerminateScope = z.infer<typeof scopeSchema>;

/** What names executions of a path. Where one of these is given, they are ended and not the context. */
const NAMES = ["executions", "execution_id", "idempotency_key"] as const;

export const stopSchema = strictFields({
  ...partyFields,
  conversation_id: idSchema,
  path_id: idSchema,
  executions: z.optional(z.literal(true)),
  execution_id: z.optional(z.uuid()),
  idempotency_key: z.optional(idSchema),
}).check(z.superRefine((request, issues) => {
  const [, second] = NAMES.filter((name) => request[name] !== undefined);
  if (second !== undefined) {
    issues.addIssue({ code: "custom", path: [second], message: `cannot be beside another of ${NAMES.join(", ")}` });
  }
}));
export type StopRequest = z.infer<typeof stopSchema>;

/** Instead, a service may ask for what is due to be swept. */
export const sweepSchema = strictFields({ due: z.literal(true) });

export const terminateRequestSchema = z.pipe(
  z.looseObject({}),
  z.transform((body: Record<string, unknown>, issues) => {
    const parse = <Request>(schema: z.ZodMiniType<Request>): Request => {
      const parsed = schema.safeParse(body);
      if (parsed.success) return parsed.data;
      issues.issues.push(...parsed.error.issues.map((issue) => ({ ...issue, input: undefined })));
      return z.NEVER;
    };
    if (body.due !== undefined) {
      parse(sweepSchema);
      return { ends: "what_is_due" as const };
    }
    if (NAMES.some((name) => body[name] !== undefined)) {
      return { ends: "executions" as const, request: parse(stopSchema) };
    }
    return { ends: "contexts" as const, request: parse(scopeSchema) };
  }),
);

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

export interface StopResponse {
  /** How many executions are being stopped. */
  cancelled: number;
}
