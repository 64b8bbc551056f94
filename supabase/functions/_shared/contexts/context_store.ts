/** The contexts in the database: one method a transition, each one call of a SQL function. */
import * as z from "zod/mini";
import type { Rpc } from "../database/rpc.ts";
import type { ContextError } from "../errors.ts";
import {
  type Claim,
  type ClaimOptions,
  claimSchema,
  type Context,
  contextSchema,
  type Previous,
  previousSchema,
  type SandboxNote,
  type SandboxOfContext,
  type Source,
  sourceSchema,
  type SweepPlace,
  sweepPlaceSchema,
} from "./context.ts";
import { type HealthRow, healthSchema } from "./health_row.ts";
import type { PathKey } from "./path_key.ts";

export class ContextStore {
  constructor(private readonly rpc: Rpc) {}

  /** Gets the path's context, or the right to create its sandbox. */
  async claim(key: PathKey, options: ClaimOptions): Promise<Claim> {
    const rows = await this.rpc.call("copilot_claim_context", {
      p_claim_id: crypto.randomUUID(),
      p_tenant_id: key.tenantId,
      p_conversation_id: key.conversationId,
      p_path_id: key.pathId,
      p_lease_seconds: options.leaseSeconds,
      p_default_ttl_seconds: options.defaultTtlSeconds,
      p_ttl_seconds: options.ttlSeconds,
      p_hold_seconds: options.holdSeconds,
      p_awaited_id: options.awaitedId,
      p_tenant_quota: options.tenantQuota,
      p_conversation_quota: options.conversationQuota,
      p_probation_seconds: options.probationSeconds,
      p_creates_per_minute: options.createsPerMinute,
      p_executions_per_minute: options.execution?.perMinute,
      p_execution_id: options.execution?.id,
      p_language: options.execution?.language,
      p_open_seconds: options.execution?.openSeconds,
      p_evict: options.evict,
      p_user_id: key.userId ?? undefined,
      p_keep_seconds: options.keepSeconds,
      p_from_path_id: options.fromPathId,
      // The same for all tries of this call.
      p_asked_at: performance.now(),
      p_execution_name: options.execution?.name,
    }, z.tuple([claimSchema]));
    return rows[0];
  }

  /** Turns a claim into a ready context. Null: the claim has ended, and the sandbox is nobody's. */
  async activate(
    claimId: string,
    { sandboxId, template, isFork, note }: {
      readonly sandboxId: string;
      readonly template: string;
      readonly isFork: boolean;
      readonly note: SandboxNote;
    },
    holdSeconds: number,
  ): Promise<Context | null> {
    const rows = await this.rpc.call("copilot_activate_context", {
      p_context_id: claimId,
      p_sandbox_id: sandboxId,
      p_hold_seconds: holdSeconds,
      p_template: template,
      p_sandbox_seconds: note.seconds,
      p_sandbox_access: note.access,
      p_is_fork: isFork,
    }, z.array(contextSchema).check(z.maxLength(1)));
    return rows[0] ?? null;
  }

  /** Notes what is known of a context's sandbox, for the next one who needs it. False: the context has ended. */
  async noteSandbox({ contextId, sandboxId }: SandboxOfContext, note: SandboxNote): Promise<boolean> {
    return await this.rpc.call("copilot_note_sandbox", {
      p_context_id: contextId,
      p_sandbox_id: sandboxId,
      p_sandbox_seconds: note.seconds,
      p_sandbox_access: note.access,
    }, z.boolean());
  }

  /**
   * Gives back the place that a claim took for a context that slept, because its sandbox could not be woken. False: others
   * have used it since, or it runs.
   */
  async releaseWake({ id, last_used_at }: Pick<Context, "id" | "last_used_at">): Promise<boolean> {
    return await this.rpc.call("copilot_release_wake", { p_context_id: id, p_last_used_at: last_used_at }, z.boolean());
  }

  /**
   * Ends a claim whose sandbox could not be made. `final`: those who wait are told the error and do not try again.
   * `mayLive`: E2B may have made one all the same, which holds a place in the quotas until its probation must be over.
   */
  async fail(
    claimId: string,
    error: ContextError,
    { final, mayLive }: { readonly final: boolean; readonly mayLive: boolean },
  ): Promise<boolean> {
    return await this.rpc.call("copilot_fail_context", {
      p_context_id: claimId,
      p_error_code: error.code,
      p_error_final: final,
      p_error_retry_after_seconds: error.retryAfterSeconds,
      p_may_live: mayLive,
    }, z.boolean());
  }

  /** Notes that no sandbox of a claim that had ended is alive: its place in the quotas is free. */
  async settle(claimId: string): Promise<boolean> {
    return await this.rpc.call("copilot_settle_claim", { p_context_id: claimId }, z.boolean());
  }

  /** Keeps a claim whose holder waits. False: it has ended. */
  async keepClaim(claimId: string, leaseSeconds: number): Promise<boolean> {
    return await this.rpc.call("copilot_keep_claim", {
      p_context_id: claimId,
      p_lease_seconds: leaseSeconds,
    }, z.boolean());
  }

  /** Has no execution begin where a claim is to be forked from, for a lease from now on. Null: that, or the claim, has ended. */
  async holdSource(claimId: string, leaseSeconds: number): Promise<Source | null> {
    const rows = await this.rpc.call("copilot_hold_source", {
      p_context_id: claimId,
      p_lease_seconds: leaseSeconds,
    }, z.array(sourceSchema).check(z.maxLength(1)));
    return rows[0] ?? null;
  }

  /** Lets executions begin there again, unless others are to be forked from it. False: it has ended. */
  async letSourceGo(claimId: string, sourceId: string): Promise<boolean> {
    return await this.rpc.call("copilot_let_source_go", {
      p_context_id: claimId,
      p_source_id: sourceId,
    }, z.boolean());
  }

  /** Ends a context whose sandbox E2B says is gone. Unconfirmed, because it is only being killed: the kill stays owed. */
  async lose(contextId: string, sandboxId: string, confirmed: boolean): Promise<boolean> {
    return await this.rpc.call("copilot_lose_context", {
      p_context_id: contextId,
      p_sandbox_id: sandboxId,
      p_confirmed: confirmed,
    }, z.boolean());
  }

  /**
   * Ends the active contexts in scope, as far as the user may, or the tenant for a null, and returns them. `all`: of every
   * conversation that is the user's own, or the tenant's. A null `sandbox_id` was a claim in flight.
   */
  async terminate(
    { tenantId, userId }: Pick<PathKey, "tenantId" | "userId">,
    scope: {
      readonly conversationId?: string;
      readonly pathId?: string;
      readonly contextId?: string;
      readonly all: boolean;
    },
  ): Promise<{ id: string; sandbox_id: string | null }[]> {
    return await this.rpc.call("copilot_terminate_contexts", {
      p_tenant_id: tenantId,
      p_conversation_id: scope.conversationId,
      p_path_id: scope.pathId,
      p_context_id: scope.contextId,
      p_user_id: userId ?? undefined,
      p_all: scope.all,
    }, z.array(z.object({ id: z.uuid(), sandbox_id: z.nullable(z.string()) })));
  }

  /** How the variables of a path were lost that had this state id, as long as that is known. */
  async lossOf(
    { tenant_id, conversation_id, path_id }: Pick<Context, "tenant_id" | "conversation_id" | "path_id">,
    stateId: string,
  ): Promise<Previous | undefined> {
    const rows = await this.rpc.call("copilot_loss_of_state", {
      p_tenant_id: tenant_id,
      p_conversation_id: conversation_id,
      p_path_id: path_id,
      p_state_id: stateId,
    }, z.array(previousSchema).check(z.maxLength(1)));
    return rows[0];
  }

  /** Retires up to `limit` contexts that are past their deadline, and as many beyond the quota of those asleep. Returns how many. */
  async expireDue(limit: number, sleepingQuota: number): Promise<number> {
    return await this.rpc.call("copilot_expire_due_contexts", {
      p_limit: limit,
      p_sleeping_quota: sleepingQuota,
    }, z.int());
  }

  /** Takes on up to `limit` kills that are owed; for half a minute no other sweep takes the same. */
  async takeOwedKills(limit: number): Promise<SandboxOfContext[]> {
    const rows = await this.rpc.call(
      "copilot_take_owed_kills",
      { p_limit: limit },
      z.array(z.object({ id: z.uuid(), sandbox_id: z.string() })),
    );
    return rows.map((row) => ({ contextId: row.id, sandboxId: row.sandbox_id }));
  }

  /** Where in E2B's list the last sweep ended. */
  async sweepPlace(): Promise<SweepPlace> {
    const rows = await this.rpc.call("copilot_sweep_place", {}, z.tuple([sweepPlaceSchema]));
    return rows[0];
  }

  /** Notes where the next sweep goes on, and whether all orphans up to there are gone. */
  async moveSweepPlace({ page_token, walk_began_at }: SweepPlace, isClean: boolean): Promise<boolean> {
    return await this.rpc.call("copilot_move_sweep_place", {
      p_is_clean: isClean,
      p_page_token: page_token ?? undefined,
      p_walk_began_at: walk_began_at ?? undefined,
    }, z.boolean());
  }

  /** Notes that a sweep has come to its end. */
  async noteSweep(): Promise<string> {
    return await this.rpc.call("copilot_note_sweep", {}, z.string());
  }

  /** What tells whether all is well. */
  async health(): Promise<HealthRow> {
    const rows = await this.rpc.call("copilot_health", {}, z.tuple([healthSchema]));
    return rows[0];
  }

  /** Of these sandboxes, those that a claim of ours made and that no active context owns. */
  async findOrphans(sandboxes: readonly SandboxOfContext[]): Promise<SandboxOfContext[]> {
    const rows = await this.rpc.call("copilot_find_orphans", {
      p_sandboxes: sandboxes.map(({ sandboxId, contextId }) => ({ sandbox_id: sandboxId, context_id: contextId })),
    }, z.array(z.object({ sandbox_id: z.string(), context_id: z.uuid() })));
    return rows.map((row) => ({ sandboxId: row.sandbox_id, contextId: row.context_id }));
  }

  /** Notes that E2B confirmed the kill of an ended context's sandbox. False: that context owed no kill of this one. */
  async confirmKilled(contextId: string, sandboxId: string): Promise<boolean> {
    return await this.rpc.call("copilot_confirm_sandbox_killed", {
      p_context_id: contextId,
      p_sandbox_id: sandboxId,
    }, z.boolean());
  }
}
