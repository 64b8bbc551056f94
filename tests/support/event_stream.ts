/** Reads the streams of execute-code, as a frontend does. */
import type { SupabaseClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import { EventSourceParserStream } from "eventsource-parser/stream";

export interface StreamedEvent {
  readonly event: string;
  // Each test knows what it looks for.
  readonly data: Record<string, unknown>;
}

export interface EventStream {
  readonly response: Response;
  /** The next event that comes; null at the end. */
  next(): Promise<StreamedEvent | null>;
  /** The next event of this name; what comes before it is passed over. */
  until(event: string): Promise<StreamedEvent>;
  /** All that are left. */
  rest(): Promise<StreamedEvent[]>;
  /** How many comments have come: they keep the connection alive, and are no events. */
  readonly comments: number;
  /** Goes away. */
  cancel(): Promise<void>;
}

/** Calls execute-code by `functions.invoke` for a stream of events. */
export async function stream(
  client: SupabaseClient,
  body: Record<string, unknown>,
  options: { readonly signal?: AbortSignal; readonly onComment?: () => void } = {},
): Promise<EventStream> {
  const { data, error, response } = await client.functions.invoke<Response>("execute-code", {
    body,
    headers: { Accept: "text/event-stream" },
    signal: options.signal,
  });
  if (error) throw new Error(`execute-code answered ${response?.status}: ${await response?.text()}`, { cause: error });
  assert(data instanceof Response && data.body);
  let comments = 0;
  const onComment = () => {
    comments++;
    options.onComment?.();
  };
  const reader = data.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream({ onComment }))
    .getReader();

  const next = async () => {
    const { done, value } = await reader.read();
    if (done) return null;
    assert(value.event);
    return { event: value.event, data: JSON.parse(value.data) };
  };
  return {
    response: data,
    next,
    until: async (event) => {
      for (let told = await next(); told; told = await next()) {
        if (told.event === event) return told;
      }
      assert.fail(`the stream ended without ${event}`);
    },
    rest: async () => {
      const all: StreamedEvent[] = [];
      for (let told = await next(); told; told = await next()) all.push(told);
      return all;
    },
    get comments() {
      return comments;
    },
    cancel: () => reader.cancel(),
  };
}

/** The texts of a stream's events of one name, joined. */
export function text(events: readonly StreamedEvent[], name: string): string {
  return events.filter(({ event }) => event === name).map(({ data }) => data.text).join("");
}
