/** What agents are offered, and how a call of it goes. */
import { type CallToolResult, ProtocolError, ProtocolErrorCode, Server } from "@modelcontextprotocol/server";
import * as z from "zod/mini";
import { inBackground } from "../background.ts";
import { sweepInPassing } from "../contexts/sweep.ts";
import { asContextError } from "../errors.ts";
import type { ExecutionCall } from "../executions/execution_call.ts";
import { checked } from "../http/body.ts";
import { VERSION } from "../version.ts";
import { branch } from "./branch.ts";
import { cancel } from "./cancel.ts";
import { downloadFile } from "./download_file.ts";
import { progressOf } from "./progress.ts";
import { restart } from "./restart.ts";
import { runCode } from "./run_code.ts";
import type { Session } from "./session.ts";
import { answer, type Tool, type ToolCall } from "./tool.ts";
import { uploadFile } from "./upload_file.ts";

const NAME = { name: "execution-contexts", title: "Code in a sandbox", version: VERSION };

/** As MCP has it. */
const inputSchemaSchema = z.looseObject({
  type: z.literal("object"),
  properties: z.optional(z.record(z.string(), z.json())),
});

/** A tool, its input's type forgotten: what it is given is checked. */
function offered<Input>({ name, title, description, annotations, input, run }: Tool<Input>) {
  return {
    name,
    describe: () => {
      const inputSchema = inputSchemaSchema.parse(z.toJSONSchema(input, { io: "input" }));
      return { name, title, description, annotations, inputSchema };
    },
    run: (toolCall: ToolCall, given: Record<string, unknown>) => run(toolCall, checked(input, withoutNulls(given))),
  };
}

/** Models write null for what they leave out. */
function withoutNulls(given: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
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

/** What a server of one request needs besides that. */
export interface Service {
  readonly call: ExecutionCall;
  readonly session: Session;
  /** Whether an agent that hangs up takes back what it asked for. */
  readonly stopsWithConnection: boolean;
  /** Is told of each call of a tool: it goes on when nobody waits for its answer any more. */
  readonly onCall: (work: Promise<CallToolResult>) => void;
}

/** A server of one request. */
export function serverOf({ call, session, stopsWithConnection, onCall }: Service): Server {
  const tools = toolsOf(call);
  const server = new Server(NAME, { capabilities: { tools: {} } });
  server.setRequestHandler("tools/list", () => ({ tools: tools.map(({ describe }) => describe()) }));
  server.setRequestHandler("tools/call", async ({ params }, context): Promise<CallToolResult> => {
    const tool = tools.find(({ name }) => name === params.name);
    if (tool === undefined) throw new ProtocolError(ProtocolErrorCode.InvalidParams, "There is no such tool.");
    const { signal, id } = context.mcpReq;
    const told: ExecutionCall = {
      ...call,
      gone: stopsWithConnection ? signal : new AbortController().signal,
      tell: progressOf(context) ?? call.tell,
    };
    // Also of what it throws at once.
    const work = (async () => await tool.run({ call: told, session, id }, params.arguments ?? {}))();
    onCall(work);
    try {
      return await work;
    } catch (thrown) {
      return { ...answer([wordsOf(thrown)]), isError: true };
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
  // An uploaded file is one of a list to execute-code.
  const words = message.replace(/^files\.0[.:] ?/, "");
  if (!retryable) return words;
  return `${words} It may work ${retryAfterSeconds === undefined ? "soon" : `in ${retryAfterSeconds} s`}.`;
}
