/** What a copilot's author writes by hand around the functions, for each thing that they need. */
import type { SupabaseClient } from "@supabase/supabase-js";
import { jsonSchema } from "ai";
import { EventSourceParserStream } from "eventsource-parser/stream";
import { Buffer } from "node:buffer";

interface Key {
  conversation_id: string;
  path_id: string;
}

// ── run code ──
interface Execution {
  status: string;
  stdout: string;
  results: Record<string, unknown>[];
  error: { name: string; value: string; traceback: string } | null;
  outputs: { path: string; status: string; content_base64?: string }[];
}
interface Answer {
  execution: Execution;
  state_id: string;
  was_created: boolean;
  previous: { termination_reason: string } | null;
  lost: { reason: string | null } | null;
}
class CallError extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly retryable: boolean,
    readonly retryAfter: number,
  ) {
    super(message);
  }
}
async function call<Data>(supabase: SupabaseClient, name: string, body: object, options = {}): Promise<Data> {
  const { data, error } = await supabase.functions.invoke(name, { body: { ...body }, ...options });
  if (!error) return data;
  if (!(error.context instanceof Response)) throw new CallError(String(error), "network", true, 1);
  const told = await error.context.json().catch(() => ({}));
  throw new CallError(told.message, told.code, told.retryable === true, told.retry_after_seconds ?? 1);
}
export async function run(supabase: SupabaseClient, path: Key, code: string): Promise<Execution> {
  return (await call<Answer>(supabase, "execute-code", { ...path, code })).execution;
}
// ── stream ──
export async function* stream(supabase: SupabaseClient, path: Key, code: string, more = {}, options = {}) {
  const headers = { Accept: "text/event-stream" };
  const body = { ...path, code, ...more };
  const response = await call<Response>(supabase, "execute-code", body, { headers, ...options });
  if (!response.body) throw new CallError("The stream is empty.", "network", true, 1);
  let hasEnded = false;
  const texts = response.body.pipeThrough(new TextDecoderStream());
  for await (const { event, data } of texts.pipeThrough(new EventSourceParserStream())) {
    const told = JSON.parse(data);
    if (event === "failure") {
      throw new CallError(told.message, told.code, told.retryable, told.retry_after_seconds ?? 1);
    }
    hasEnded ||= event === "end";
    yield { event, data: told };
  }
  if (!hasEnded) throw new CallError("The stream broke.", "network", true, 1);
}
// ── run once, whatever breaks ──
export async function once(supabase: SupabaseClient, path: Key, code: string, more = {}): Promise<Answer> {
  const body = { ...path, code, idempotency_key: crypto.randomUUID(), ...more };
  const giveUpAt = Date.now() + 60_000;
  for (;;) {
    try {
      return await call<Answer>(supabase, "execute-code", body);
    } catch (error) {
      if (!(error instanceof CallError) || !error.retryable) throw error;
      if (Date.now() + error.retryAfter * 1000 > giveUpAt) throw error;
      await new Promise((resolve) => setTimeout(resolve, error.retryAfter * 1000));
    }
  }
}
// ── files in and out ──
export async function files(supabase: SupabaseClient, path: Key, code: string, bytes: Uint8Array): Promise<Uint8Array> {
  const files = [{ path: "in.bin", content_base64: Buffer.from(bytes).toString("base64") }];
  const { execution } = await once(supabase, path, code, { files, outputs: ["out.bin"] });
  const [output] = execution.outputs;
  if (output.content_base64 === undefined) throw new Error(`${output.path}: ${output.status}`);
  return Buffer.from(output.content_base64, "base64");
}
// ── stop ──
export async function stop(supabase: SupabaseClient, path: Key, code: string, signal: AbortSignal): Promise<void> {
  const idempotency_key = crypto.randomUUID();
  const stopped = async () => {
    for (let tries = 0; tries < 10; tries++) {
      const body = { ...path, idempotency_key };
      const { cancelled } = await call<{ cancelled: number }>(supabase, "terminate-context", body);
      if (cancelled > 0) return;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  };
  signal.addEventListener("abort", () => void stopped().catch(() => {}));
  await once(supabase, path, code, { idempotency_key });
}
// ── a tool for a model ──
const expected = new Map<string, string>();
export function tool(supabase: SupabaseClient, path: Key) {
  const name = `${path.conversation_id} ${path.path_id}`;
  return {
    description: "Runs Python in this conversation's session. Variables stay from one call to the next.",
    inputSchema: jsonSchema<{ code: string }>({
      type: "object",
      properties: { code: { type: "string" } },
      required: ["code"],
      additionalProperties: false,
    }),
    execute: async ({ code }: { code: string }) => {
      const { execution, ...answer } = await once(supabase, path, code, { expects: expected.get(name) });
      const reason = answer.lost?.reason ?? (answer.was_created ? answer.previous?.termination_reason : undefined);
      expected.set(name, answer.state_id);
      const parts = [execution.stdout];
      const images: string[] = [];
      if (answer.lost || reason) parts.unshift(`The session was restarted (${reason}): variables are gone.`);
      for (const { png, text } of execution.results) {
        if (typeof png === "string") images.push(png);
        else if (typeof text === "string") parts.push(text);
      }
      if (execution.error) parts.push(execution.error.traceback.slice(-2000));
      else if (execution.status !== "ok") parts.push(`It ended: ${execution.status}`);
      return { text: parts.join("\n").slice(0, 16_000), images };
    },
    toModelOutput: ({ output: { text, images } }: { output: { text: string; images: string[] } }) => ({
      type: "content" as const,
      value: [
        { type: "text" as const, text },
        ...images.map((data) => ({ type: "image-data" as const, data, mediaType: "image/png" })),
      ],
    }),
  };
}
