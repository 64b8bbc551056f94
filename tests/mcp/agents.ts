/** Agents: the official client, by the protocol's revisions with sessions and by those without. */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import type { SupabaseClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import { z } from "zod";
import type { Stack } from "../../local/stack.ts";
import { cancelWith } from "../support/cancel_with.ts";

const answerSchema = z.object({
  content: z.array(z.discriminatedUnion("type", [
    z.object({ type: z.literal("text"), text: z.string() }),
    z.object({ type: z.literal("image"), mimeType: z.string(), data: z.string() }),
    z.object({
      type: z.literal("resource"),
      resource: z.object({
        uri: z.string(),
        mimeType: z.string(),
        text: z.optional(z.string()),
        blob: z.optional(z.string()),
      }),
    }),
  ])),
  isError: z.optional(z.boolean()),
});
export type ToolAnswer = z.infer<typeof answerSchema>;

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Called with what the code prints, as it is told. */
  readonly onPrinted?: (text: string) => void;
}

export interface Agent extends AsyncDisposable {
  readonly version: string | undefined;
  readonly sessionId: string | undefined;
  /** The names of the tools that it is offered. */
  tools(): Promise<string[]>;
  call(name: string, input?: Record<string, unknown>, options?: CallOptions): Promise<ToolAnswer>;
  /** Says that it is done. */
  endSession(): Promise<void>;
}

export function mcpUrl(stack: Stack, query: Record<string, string> = {}): URL {
  return new URL(`${stack.apiUrl}/functions/v1/mcp?${new URLSearchParams(query)}`);
}

/** The headers of a user who has signed in. */
export async function signedIn(client: SupabaseClient): Promise<Record<string, string>> {
  const { data: { session } } = await client.auth.getSession();
  assert(session);
  return { Authorization: `Bearer ${session.access_token}` };
}

const NAME = { name: "an agent", version: "1" };
const options = ({ signal, onPrinted = () => {} }: CallOptions) => ({
  signal,
  onprogress: ({ message = "" }: { message?: string }) => onPrinted(message),
});

/** Whose connection is closed by an abort each time. */
async function leavingFetch(input: string | URL, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(input, init);
  const reader = response.body?.getReader();
  if (reader === undefined) return response;
  if (init.signal) cancelWith(init.signal, reader);
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body, response);
}

async function connect(mode: "legacy" | "auto", url: URL, headers: Record<string, string>): Promise<Agent> {
  const client = new Client(NAME, { versionNegotiation: { mode } });
  const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers }, fetch: leavingFetch });
  await client.connect(transport);
  return {
    version: client.getNegotiatedProtocolVersion(),
    sessionId: transport.sessionId,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, input = {}, how = {}) =>
      answerSchema.parse(await client.callTool({ name, arguments: input }, options(how))),
    endSession: () => transport.terminateSession(),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

type Connect = (url: URL, headers: Record<string, string>) => Promise<Agent>;
const of2025: Connect = (url, headers) => connect("legacy", url, headers);
/** It finds out what the server speaks. */
const of2026: Connect = (url, headers) => connect("auto", url, headers);

export const agents = { "an agent of 2025": of2025, "an agent of 2026": of2026 };

/** The texts of an answer, one after the other. */
export function textOf({ content }: ToolAnswer): string {
  return content.flatMap((part) => part.type === "text" ? [part.text] : []).join("\n");
}
