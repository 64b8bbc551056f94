/** One run for a tool: on its path, under the name by which its agent can stop it. */
import * as z from "zod/mini";
import { pathKeyOf } from "../contexts/path_key.ts";
import { type ExecuteRequest, executeRequestSchema, type ExecuteResponse } from "../contract/execute_code.ts";
import { idSchema } from "../contract/path.ts";
import { execute } from "../executions/execute.ts";
import { checked } from "../http/body.ts";
import { sessionOf } from "../words/state_memory.ts";
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
    ...fields,
    idempotency_key: keyOf(session, id),
  });
  const { expects, noteOf } = noting(pathKeyOf(call.caller, request));
  const answer = await execute(call, { ...request, expects });
  return { ...answer, stateNote: noteOf(answer, sessionOf(request.language)) };
}

/**
 * The idempotency key of an agent's request, by which another process stops it. Without a session no request has a name
 * that is its own; there an agent stops what it asked for by hanging up.
 */
export function keyOf({ id: sessionId }: Session, id: string | number): string | undefined {
  if (sessionId === undefined) return undefined;
  const key = z.safeParse(idSchema, `mcp ${sessionId} ${JSON.stringify(id)}`);
  return key.success ? key.data : undefined;
}
