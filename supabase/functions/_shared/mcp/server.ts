/** What agents are offered, and how a call of it goes. */
import { type CallToolResult, ProtocolError, ProtocolErrorCode, Server } from "@modelcontextprotocol/server";
import * as z from "zod/mini";
import { inBackground } from "../background.ts";
import { sweepInPassing } from "../contexts/sweep.ts";
import { asContextError } from "../errors.ts";
import type { ExecutionCall } from "../executions/execution_call.ts";
import { checked } from "../http/body.ts";
import { branch } from "./branch.ts";
import { cancel } from "./cancel.ts";
import { downloadFile } from "./download_file.ts";
import { progressOf } from "./progress.ts";
import { restart } from "./restart.ts";
import { runCode } from "./run_code.ts";
import type { Session } from "./session.ts";
import { text, type Tool, type ToolCall } from "./tool.ts";
import { uploadFile } from "./upload_file.ts";

const NAME = { name: "execution-contexts", title: "Code in a sandbox", version: "0.1.0" };

/** As MCP has it. */
const inputSchemaSchema = z.looseObject({
  type: z.literal("object"),
  properties: z.optional(z.record(z.string(), z.json())),
});

/** A tool, its input's type forgotten: what it is given is checked. */
function offered<Input>(tool: Tool<Input>) {
  const inputSchema = inputSchemaSchema.parse(z.toJSONSchema(tool.input, { io: "input" }));
  const { name, title, description, annotations } = tool;
  return {
    description: { name, title, description, annotations, inputSchema },
    run: (call: ToolCall, input: unknown) => tool.run(call, checked(tool.input, input)),
  };
}

function toolsOf(call: ExecutionCall) {
  return [
    offered(runCode(call)),
    offered(restart),
    offered(uploadFile),
    offered(downloadFile),
    offered(branch),
  ];
}

/** A server of one request. `onError` is told of what a tool could not do. */
export function serverOf(
  call: ExecutionCall,
  session: Session,
  hangingUpStops: boolean,
  onError: (error: unknown) => void,
): Server {
  const tools = toolsOf(call);
  const server = new Server(NAME, { capabilities: { tools: {} } });
  server.setRequestHandler(
    "tools/list",
    () => ({ tools: tools.map(({ description }) => description) }),
  );
  server.setRequestHandler("tools/call", async ({ params }, context): Promise<CallToolResult> => {
    const tool = tools.find(({ description: { name } }) => name === params.name);
    if (tool === undefined) throw new ProtocolError(ProtocolErrorCode.InvalidParams, "There is no such tool.");
    const { signal, id } = context.mcpReq;
    const told = {
      ...call,
      gone: hangingUpStops ? signal : call.gone,
      tell: progressOf(context) ?? call.tell,
    };
    try {
      return { content: await tool.run({ call: told, session, id }, params.arguments ?? {}) };
    } catch (thrown) {
      onError(thrown);
      return { content: [text(wordsOf(thrown))], isError: true };
    } finally {
      sweepInPassing(call);
    }
  });
  server.setNotificationHandler("notifications/cancelled", ({ params }) => {
    if (params.requestId !== undefined) inBackground("run_not_cancelled", cancel(call, session, params.requestId));
  });
  return server;
}

/** What went wrong, for a model, which may mend it, or try again. */
function wordsOf(thrown: unknown): string {
  const { message, retryable, retryAfterSeconds } = asContextError(thrown);
  if (!retryable) return message;
  return `${message} It may work ${retryAfterSeconds === undefined ? "soon" : `in ${retryAfterSeconds} s`}.`;
}
