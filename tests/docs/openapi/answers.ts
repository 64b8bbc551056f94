/**
 * What the functions answer, as schemas: the contract has types alone for that, as nothing of it is checked at runtime.
 * The compiler holds the two against each other.
 */
import * as z from "zod/mini";
import type { AcquireResponse, ContextView } from "../../../supabase/functions/_shared/contract/acquire_context.ts";
import type { ErrorBody } from "../../../supabase/functions/_shared/contract/error.ts";
import {
  type ExecuteResponse,
  type ExecutionContext,
  type ExecutionEvent,
  executionSchema,
} from "../../../supabase/functions/_shared/contract/execute_code.ts";
import type { Health } from "../../../supabase/functions/_shared/contract/health.ts";
import { lossSchema } from "../../../supabase/functions/_shared/contract/state.ts";
import type {
  StopResponse,
  SweepResponse,
  TerminateResponse,
} from "../../../supabase/functions/_shared/contract/terminate_context.ts";
import { type Alike, holds, type Same } from "./same.ts";

const time = z.string();

export const contextSchema = z.object({
  id: z.string(),
  conversation_id: z.string(),
  path_id: z.string(),
  ttl_seconds: z.int(),
  created_at: time,
  last_used_at: time,
  expires_at: time,
  kept_until: time,
  sandbox_id: z.optional(z.string()),
});

export const previousSchema = z.object({ termination_reason: z.string(), terminated_at: time });

export const acquireResponseSchema = z.object({
  context: contextSchema,
  was_created: z.boolean(),
  was_resumed: z.boolean(),
  forked_from: z.nullable(z.object({ path_id: z.string(), context_id: z.string() })),
  state_id: z.string(),
  lost: z.nullable(lossSchema),
  previous: z.nullable(previousSchema),
});

export const executionContextSchema = z.extend(acquireResponseSchema, { execution_id: z.string() });

export const executeResponseSchema = z.extend(executionContextSchema, {
  execution: executionSchema,
  replayed: z.boolean(),
});

export const errorSchema = z.object({
  code: z.string(),
  message: z.string(),
  retryable: z.boolean(),
  field: z.optional(z.string()),
  retry_after_seconds: z.optional(z.int()),
  scope: z.optional(z.string()),
  limit: z.optional(z.int()),
  current: z.optional(z.int()),
  state_id: z.optional(z.string()),
  lost: z.optional(lossSchema),
});

const { results, error, stdout: _stdout, stderr: _stderr, ...end } = executionSchema.shape;

/** Of a stream: the name of an event, and its data. */
export const eventSchema = z.discriminatedUnion("event", [
  z.object({ event: z.literal("context"), data: executionContextSchema }),
  z.object({ event: z.enum(["stdout", "stderr"]), data: z.object({ text: z.string() }) }),
  z.object({ event: z.literal("result"), data: results.def.element }),
  z.object({ event: z.literal("error"), data: error.def.innerType }),
  z.object({ event: z.literal("failure"), data: errorSchema }),
  z.object({
    event: z.literal("end"),
    data: z.object({ ...end, error, replayed: z.boolean(), state_id: z.string() }),
  }),
]);

export const terminateResponseSchema = z.object({ terminated: z.int() });
export const stopResponseSchema = z.object({ cancelled: z.int() });
export const sweepResponseSchema = z.object({
  expired: z.int(),
  killed: z.int(),
  orphans: z.int(),
  failed: z.int(),
});

const countSchema = { count: z.int(), oldest_at: z.nullable(time) };
export const healthSchema = z.object({
  is_healthy: z.boolean(),
  problems: z.array(z.object({
    code: z.enum(["sweep_overdue", "kill_overdue", "claim_overdue", "job_failed", "job_overdue"]),
    message: z.string(),
  })),
  checked_at: time,
  is_closed: z.boolean(),
  last_sweep_at: z.nullable(time),
  contexts: z.object({ creating: z.int(), awake: z.int(), asleep: z.int() }),
  claims_waiting: z.object({ ...countSchema, past_lease: z.int() }),
  kills_owed: z.object(countSchema),
  may_live_until: z.nullable(time),
  executions: z.object({ running: z.int(), lost_in_last_hour: z.int() }),
  jobs: z.nullable(z.object({ failed: z.array(z.string()), overdue: z.array(z.string()) })),
});

holds<[
  Same<z.infer<typeof contextSchema>, ContextView>,
  Same<z.infer<typeof acquireResponseSchema>, AcquireResponse>,
  Same<z.infer<typeof executionContextSchema>, ExecutionContext>,
  Same<z.infer<typeof executeResponseSchema>, ExecuteResponse>,
  Same<z.infer<typeof errorSchema>, ErrorBody>,
  Alike<z.infer<typeof eventSchema>, ExecutionEvent>,
  Same<z.infer<typeof terminateResponseSchema>, TerminateResponse>,
  Same<z.infer<typeof stopResponseSchema>, StopResponse>,
  Same<z.infer<typeof sweepResponseSchema>, SweepResponse>,
  Same<z.infer<typeof healthSchema>, Health>,
]>();
