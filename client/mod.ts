/** Runs code in execution contexts, by a supabase-js client that is signed in, or that has a secret key. */
import { Path, type PathOptions } from "./path.ts";
import type { Supabase } from "./send.ts";

export type {
  AcquireFields,
  AcquireResponse,
  ContextView,
  ErrorBody,
  ExecuteFields,
  ExecuteResponse,
  ExecutionContext,
  ExecutionResult,
  Image,
  Loss,
  OutputFile,
  PathKey,
  ToldEvent,
  ToolAnswer,
} from "./contract.ts";
export { ExecutionContextsError } from "./error.ts";
export type { ExecuteResult, Execution } from "./execution.ts";
export type { AcquireResult, CallOptions, Path, PathOptions } from "./path.ts";
export type { Supabase } from "./send.ts";
export {
  type AiSdkTool,
  type AnthropicResult,
  type CodeTool,
  codeTool,
  type OpenAiOutput,
  type ToolInput,
  type ToolOptions,
} from "./code_tool.ts";

export interface ClientOptions {
  /** How long a call tries against errors that may pass, in seconds; default 60, 0: it does not. */
  readonly retrySeconds?: number;
}

export interface ExecutionContexts {
  /** One branch of a conversation. Its context is made by the first call that needs it. */
  path(options: PathOptions): Path;
}

export function executionContexts(supabase: Supabase, { retrySeconds = 60 }: ClientOptions = {}): ExecutionContexts {
  return { path: (options) => new Path({ supabase, retrySeconds }, options) };
}
