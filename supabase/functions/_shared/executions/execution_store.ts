/** The executions in the database: those that are open, and the ledger. */
import * as z from "zod/mini";
import { contextSchema } from "../contexts/context.ts";
import type { PathKey } from "../contexts/path_key.ts";
import type { Language } from "../contract/execute_code.ts";
import type { Rpc } from "../database/rpc.ts";

const stateSchema = z.pick(contextSchema, {
  state_id: true,
  previous_termination_reason: true,
  previous_terminated_at: true,
});
/** What the variables of a context are called, and how those before them were lost. */
export type State = z.infer<typeof stateSchema>;

/** One execution, in the ledger's words. */
export interface LedgerEntry {
  readonly executionId: string;
  /** When its context was claimed for it, on the database's clock: what had ended by then has lower numbers. */
  readonly claimedAt: string;
  readonly contextId: string;
  readonly language: Language;
}

export interface LedgerEnd {
  readonly status: "ok" | "error" | "timed_out" | "output_limit" | "cancelled" | "cut_off" | "lost";
  /** In milliseconds. */
  readonly duration: number;
  readonly outputBytes: number;
  readonly errorName: string | null;
}

/** What is to be stopped. */
export interface Stop extends Omit<PathKey, "pathId"> {
  readonly pathId?: string;
  readonly executionId?: string;
  readonly idempotencyKey?: string;
  /** Its caller's own for it. */
  readonly name?: string;
}

export class ExecutionStore {
  constructor(private readonly rpc: Rpc) {}

  /**
   * Notes that the kernel began `elapsed` milliseconds ago, and gave the execution the number `count`. `limit`: in
   * milliseconds, by when from then its end will have been noted. Returns how variables were lost in its context before,
   * be it while it was in line for the kernel, or without anybody's notice.
   */
  async start(
    entry: LedgerEntry,
    { elapsed, limit, count }: { readonly elapsed: number; readonly limit: number; readonly count?: number },
  ): Promise<State | undefined> {
    const rows = await this.rpc.call("copilot_start_execution", {
      p_execution_id: entry.executionId,
      p_context_id: entry.contextId,
      p_language: entry.language,
      p_limit_ms: Math.ceil(limit),
      p_elapsed_ms: Math.round(elapsed),
      p_execution_count: count,
      p_claimed_at: entry.claimedAt,
    }, z.array(stateSchema).check(z.maxLength(1)));
    return rows[0];
  }

  /**
   * What variables there are in the context, whose kernel has counted to `count`, if it said so when it was asked `elapsed`
   * milliseconds ago. Undefined: it has ended.
   */
  async state(entry: LedgerEntry, count: number | null, elapsed: number): Promise<State | undefined> {
    const rows = await this.rpc.call("copilot_kernel_state", {
      p_execution_id: entry.executionId,
      p_context_id: entry.contextId,
      p_language: entry.language,
      p_execution_count: count ?? undefined,
      p_claimed_at: entry.claimedAt,
      p_elapsed_ms: Math.round(elapsed),
    }, z.array(stateSchema).check(z.maxLength(1)));
    return rows[0];
  }

  /** Notes that one which the kernel never began is over. */
  async close(executionId: string): Promise<boolean> {
    return await this.rpc.call("copilot_close_execution", { p_execution_id: executionId }, z.boolean());
  }

  /**
   * Asks for the end of one execution of a path, or of all that are open there; without a path, of the conversation.
   * Returns how many there are.
   */
  async stop({ tenantId, conversationId, pathId, userId, executionId, idempotencyKey, name }: Stop): Promise<number> {
    return await this.rpc.call("copilot_stop_executions", {
      p_tenant_id: tenantId,
      p_conversation_id: conversationId,
      p_path_id: pathId,
      p_execution_id: executionId,
      p_idempotency_key: idempotencyKey,
      p_user_id: userId ?? undefined,
      p_name: name,
    }, z.int());
  }

  /** Of these executions, those that somebody has asked to stop. */
  async stopped(executionIds: readonly string[]): Promise<string[]> {
    return await this.rpc.call(
      "copilot_stopped_executions",
      { p_execution_ids: [...executionIds] },
      z.array(z.uuid()),
    );
  }

  /** Notes how it ended, after the kernel had begun. */
  async finish(entry: LedgerEntry, end: LedgerEnd): Promise<boolean> {
    return await this.rpc.call("copilot_finish_execution", {
      p_execution_id: entry.executionId,
      p_context_id: entry.contextId,
      p_language: entry.language,
      p_status: end.status,
      p_duration_ms: Math.round(end.duration),
      p_output_bytes: end.outputBytes,
      // Code names its exceptions, and Postgres takes neither of these.
      p_error_name: end.errorName?.toWellFormed().replaceAll("\0", ""),
    }, z.boolean());
  }

  /**
   * Notes that the kernel was restarted because of the execution, or is about to be: every later caller is told. Returns
   * the state id of the variables to come. Null: the context has ended.
   */
  async noteKernelRestart(entry: LedgerEntry): Promise<string | null> {
    return await this.rpc.call("copilot_note_kernel_restart", {
      p_execution_id: entry.executionId,
      p_context_id: entry.contextId,
      p_language: entry.language,
    }, z.nullable(z.uuid()));
  }

  /**
   * Has new executions in the context wait for so many milliseconds at most, so that this one can be interrupted and no
   * other. Returns until when. Null: another one is open that it could hit, or waits likewise, or the context has ended.
   */
  async holdKernel(entry: LedgerEntry, milliseconds: number): Promise<string | null> {
    return await this.rpc.call("copilot_hold_kernel", {
      p_execution_id: entry.executionId,
      p_context_id: entry.contextId,
      p_language: entry.language,
      p_hold_ms: milliseconds,
    }, z.nullable(z.string()));
  }

  /** Ends such a hold before its time. */
  async releaseKernel(contextId: string, heldUntil: string): Promise<boolean> {
    return await this.rpc.call("copilot_release_kernel", {
      p_context_id: contextId,
      p_held_until: heldUntil,
    }, z.boolean());
  }

  /** Whether the kernel serves another execution: one that began in the last `within` milliseconds, or is alive. */
  async isKernelInUse(entry: LedgerEntry, within: number): Promise<boolean> {
    return await this.rpc.call("copilot_is_kernel_in_use", {
      p_execution_id: entry.executionId,
      p_context_id: entry.contextId,
      p_language: entry.language,
      p_within_ms: Math.ceil(within),
    }, z.boolean());
  }
}
