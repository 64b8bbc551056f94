/** A context as the database tells it, and a claim on one. */
import * as z from "zod/mini";
import type { Language } from "../contract/execute_code.ts";

export const contextSchema = z.object({
  id: z.uuid(),
  tenant_id: z.string(),
  conversation_id: z.string(),
  path_id: z.string(),
  sandbox_id: z.string(),
  ttl_seconds: z.int(),
  created_at: z.string(),
  last_used_at: z.string(),
  expires_at: z.string(),
  kept_until: z.string(),
  state_id: z.uuid(),
  previous_termination_reason: z.nullable(z.string()),
  previous_terminated_at: z.nullable(z.string()),
  forked_from_context_id: z.nullable(z.uuid()),
  forked_from_path_id: z.nullable(z.string()),
});
/** A ready context. */
export type Context = z.infer<typeof contextSchema>;

export const previousSchema = z.pick(contextSchema, {
  previous_termination_reason: true,
  previous_terminated_at: true,
});
/** How variables were lost. */
export type Previous = z.infer<typeof previousSchema>;

export const knownSandboxSchema = z.object({
  sandbox_deadline_at: z.nullable(z.string()),
  sandbox_access: z.nullable(z.string()),
});
/** What a ready context's row knows of its sandbox. */
export type KnownSandbox = z.infer<typeof knownSandboxSchema>;

export const claimSchema = z.discriminatedUnion("outcome", [
  z.extend(contextSchema, {
    outcome: z.literal("reused"),
    ...knownSandboxSchema.shape,
    // The kernel's last number, where no other execution could cost it.
    kernel_count: z.nullable(z.int()),
    // It has a place in the quotas again, whether its sandbox wakes or not.
    was_asleep: z.boolean(),
  }),
  // With a context that it is to be forked from.
  z.extend(z.pick(contextSchema, { id: true, ttl_seconds: true, forked_from_context_id: true }), {
    outcome: z.literal("claimed"),
    // The tenant's own, where it has one.
    template: z.nullable(z.string()),
    allow_internet: z.nullable(z.boolean()),
    allowed_hosts: z.nullable(z.array(z.string())),
  }),
  z.object({ outcome: z.enum(["forbidden", "closed", "tenant_disabled"]) }),
  // Without an id when the path changed hands faster than the claim could follow.
  z.object({ outcome: z.literal("pending"), id: z.nullable(z.uuid()), expires_at: z.nullable(z.string()) }),
  z.object({
    outcome: z.literal("failed"),
    error_code: z.string(),
    error_retry_after_seconds: z.nullable(z.int()),
  }),
  z.extend(z.pick(contextSchema, { id: true, sandbox_id: true }), { outcome: z.literal("evicted") }),
  z.object({
    outcome: z.literal("quota_exceeded"),
    quota_scope: z.enum(["tenant", "conversation"]),
    quota_limit: z.int(),
    quota_count: z.int(),
    expires_at: z.nullable(z.string()),
  }),
  z.object({
    outcome: z.literal("rate_limited"),
    quota_scope: z.enum(["creates", "executions"]),
    quota_limit: z.int(),
    expires_at: z.nullable(z.string()),
  }),
]);
export type Claim = z.infer<typeof claimSchema>;

/** A context that is to be forked: whether executions run there, and what its sandbox was made of. */
export const sourceSchema = z.extend(contextSchema, {
  outcome: z.enum(["still", "running"]),
  template: z.nullable(z.string()),
});
export type Source = z.infer<typeof sourceSchema>;

export const sweepPlaceSchema = z.object({
  // Null: at the list's end, so the next walk begins anew.
  page_token: z.nullable(z.string()),
  walk_began_at: z.nullable(z.string()),
});
/** How far a walk through E2B's list has come. */
export type SweepPlace = z.infer<typeof sweepPlaceSchema>;

/** A sandbox, and the context that it was made for. */
export interface SandboxOfContext {
  readonly sandboxId: string;
  readonly contextId: string;
}

/** What opens a sandbox's ports, sealed, and how long E2B lets it live at least, in seconds. */
export interface SandboxNote {
  readonly access: string;
  readonly seconds: number;
}

export interface ClaimOptions {
  readonly leaseSeconds: number;
  /** How long a new context may sleep. */
  readonly keepSeconds: number;
  /** Of a new context, where `ttlSeconds` does not say. */
  readonly defaultTtlSeconds: number;
  readonly ttlSeconds?: number;
  /** Added to the idle deadline, for an execution that is about to run. */
  readonly holdSeconds: number;
  /** The claim that this caller has been waiting for. */
  readonly awaitedId?: string;
  readonly tenantQuota: number;
  readonly conversationQuota: number;
  /** How long a sandbox lives from its birth on, whatever comes: as long it holds a place in the quotas. */
  readonly probationSeconds: number;
  readonly createsPerMinute: number;
  /** The execution that the claim is for, if it is for one: it takes a turn of its rate, and is open from then on. */
  readonly execution?: {
    readonly id: string;
    readonly name?: string;
    readonly language: Language;
    readonly perMinute: number;
    /** The longest that it may be open, in seconds. */
    readonly openSeconds: number;
  };
  /** The path of which a new context begins as a fork. */
  readonly fromPathId?: string;
  /** Whether the conversation's path that has been idle longest may be ended, where its quota leaves no other place. */
  readonly evict: boolean;
}
