/** A tool as agents are offered it, and what it answers. */
import type { CallToolResult, RequestId, ToolAnnotations } from "@modelcontextprotocol/server";
import type * as z from "zod/mini";
import type { ExecutionCall } from "../executions/execution_call.ts";
import type { Session } from "./session.ts";

/** One call of a tool. */
export interface ToolCall {
  readonly call: ExecutionCall;
  readonly session: Session;
  /** The agent's name for it. */
  readonly id: RequestId;
}

export interface Tool<Input> {
  readonly name: string;
  readonly title: string;
  /** For the model. */
  readonly description: string;
  readonly annotations: ToolAnnotations;
  readonly input: z.ZodMiniType<Input>;
  /** @throws ContextError what the model, or its agent, can read as it is */
  readonly run: (toolCall: ToolCall, input: Input) => Promise<CallToolResult>;
}

/** An answer of texts, those that there are, and what else there is. */
export function answer(texts: readonly (string | null)[], ...rest: CallToolResult["content"]): CallToolResult {
  const said = texts.filter((text) => text !== null && text !== "").join("\n\n");
  return { content: [...(said === "" ? [] : [{ type: "text" as const, text: said }]), ...rest] };
}
