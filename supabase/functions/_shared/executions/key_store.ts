/** The claims on idempotency keys, and the answers that are kept under them. */
import * as z from "zod/mini";
import { contextSchema } from "../contexts/context.ts";
import type { PathKey } from "../contexts/path_key.ts";
import { executionSchema } from "../contract/execute_code.ts";
import { lossSchema } from "../contract/state.ts";
import type { Rpc } from "../database/rpc.ts";

/** An answer as it is kept: what each caller may see of it is decided when it is told. */
const answerSchema = z.object({
  executionId: z.uuid(),
  context: contextSchema,
  wasCreated: z.boolean(),
  wasResumed: z.boolean(),
  lost: z.nullable(lossSchema),
  /** At the end: the run itself may have cost its kernel. */
  stateId: z.uuid(),
  execution: executionSchema,
});
export type KeptAnswer = z.infer<typeof answerSchema>;

const claimSchema = z.discriminatedUnion("outcome", [
  z.object({
    outcome: z.enum([
      "claimed",
      "running",
      "forbidden",
      "tenant_disabled",
      "mismatch",
      "stopped",
      "lost",
      "thrown_out",
    ]),
  }),
  z.object({ outcome: z.literal("finished"), answer: z.nullable(answerSchema), answer_bytes: z.int() }),
]);
export type ExecutionClaim = z.infer<typeof claimSchema>;

export class KeyStore {
  constructor(private readonly rpc: Rpc) {}

  /**
   * Claims the right to run what has this key; the claim must be kept alive. Of an answer with more than `mostBytes`, only
   * its size is told.
   */
  async claim(
    executionId: string,
    key: PathKey & { readonly idempotencyKey: string; readonly requestHash: string },
    leaseSeconds: number,
    mostBytes: number,
  ): Promise<ExecutionClaim> {
    const rows = await this.rpc.call("copilot_claim_execution", {
      p_execution_id: executionId,
      p_tenant_id: key.tenantId,
      p_idempotency_key: key.idempotencyKey,
      p_request_hash: key.requestHash,
      p_conversation_id: key.conversationId,
      p_path_id: key.pathId,
      p_lease_seconds: leaseSeconds,
      p_most_bytes: mostBytes,
      p_user_id: key.userId ?? undefined,
    }, z.tuple([claimSchema]));
    return rows[0];
  }

  /** Says that whoever runs a claimed execution is alive. */
  async keep(executionId: string, leaseSeconds: number): Promise<boolean> {
    return await this.rpc.call("copilot_keep_execution", {
      p_execution_id: executionId,
      p_lease_seconds: leaseSeconds,
    }, z.boolean());
  }

  /** Asks leave to send its code. Without `sent` it must not be: it was stopped, or its claim was taken over. */
  async send(executionId: string): Promise<"sent" | "stopped" | "taken_over"> {
    return await this.rpc.call(
      "copilot_send_execution",
      { p_execution_id: executionId },
      z.enum(["sent", "stopped", "taken_over"]),
    );
  }

  /** Gives up a claimed execution of which nothing ran. */
  async release(executionId: string): Promise<boolean> {
    return await this.rpc.call("copilot_release_execution", { p_execution_id: executionId }, z.boolean());
  }

  /** Ends the claim on its key, with the answer for those who repeat the request, or because nobody knows it. */
  async answer(executionId: string, answer?: KeptAnswer): Promise<boolean> {
    return await this.rpc.call("copilot_answer_execution", {
      p_execution_id: executionId,
      // As text: it may hold what a Postgres text cannot, and there it stands escaped.
      p_answer: answer && JSON.stringify(answer),
    }, z.boolean());
  }
}
