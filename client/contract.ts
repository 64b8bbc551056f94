/** The functions' contract, as far as callers need it: the functions' own types. */
import type * as z from "zod/mini";
import type { acquireRequestSchema } from "../supabase/functions/_shared/contract/acquire_context.ts";
import type { executeRequestSchema, ExecutionEvent } from "../supabase/functions/_shared/contract/execute_code.ts";

export type { AcquireResponse, ContextView } from "../supabase/functions/_shared/contract/acquire_context.ts";
export type { ErrorBody } from "../supabase/functions/_shared/contract/error.ts";
export type {
  ExecuteResponse,
  Execution,
  ExecutionContext,
  ExecutionResult,
  Language,
  OutputFile,
} from "../supabase/functions/_shared/contract/execute_code.ts";
export type { Image, ToolAnswer } from "../supabase/functions/_shared/words/answer.ts";
export type { Loss } from "../supabase/functions/_shared/contract/state.ts";
export type { ExecutionEvent };

type AcquireRequest = z.infer<typeof acquireRequestSchema>;
type ExecuteRequest = z.infer<typeof executeRequestSchema>;

/** What names a path. Services name the tenant too, and the user if they act for one. */
export type PathKey = Pick<AcquireRequest, "conversation_id" | "path_id" | "from_path_id" | "tenant_id" | "user_id">;
export type AcquireFields = Pick<AcquireRequest, "ttl_seconds" | "evict">;
export type ExecuteFields = Partial<Omit<ExecuteRequest, keyof PathKey | "code" | "expects">>;

/** What an execution tells. A failure is thrown instead. */
export type ToldEvent = Exclude<ExecutionEvent, { event: "failure" }>;
