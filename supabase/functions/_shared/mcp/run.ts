/** One run for a tool: on its path, under the name by which its agent can stop it. */
import { pathKeyOf } from "../contexts/path_key.ts";
import { type ExecuteRequest, executeRequestSchema, type ExecuteResponse } from "../contract/execute_code.ts";
import { execute } from "../executions/execute.ts";
import { checked } from "../http/body.ts";
import { kernelName } from "../words/state_memory.ts";
import { noting } from "./notes.ts";
import type { Session } from "./session.ts";
import type { ToolCall } from "./tool.ts";

export interface RunFields extends Partial<Pick<ExecuteRequest, "language" | "timeout_ms" | "files" | "outputs">> {
  readonly code: string;
  /** The tool's `path`. */
  readonly path?: string;
}

export interface RunAnswer extends ExecuteResponse {
  /** In words: variables that the model may count on are gone. */
  readonly stateNote: string | null;
}

/** @throws ContextError */
export async function run({ call, session, id }: ToolCall, { path, ...fields }: RunFields): Promise<RunAnswer> {
  const request = checked(executeRequestSchema, {
    ...session.conversation,
    path_id: path ?? session.pathId,
    ttl_seconds: session.ttlSeconds,
    ...fields,
  });
  const { expects, noteOf } = noting(pathKeyOf(call.caller, request), kernelName(request.language));
  const answer = await execute(call, { ...request, expects }, nameOf(session, id));
  return { ...answer, stateNote: noteOf(answer) };
}

/**
 * The name of what an agent's request runs, by which another process stops it. Without a session no request has one that
 * is its own; there an agent stops what it asked for by hanging up.
 */
export function nameOf({ id: sessionId }: Session, id: string | number): string | undefined {
  return sessionId === undefined ? undefined : JSON.stringify([sessionId, id]);
}
