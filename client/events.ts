import { createParser } from "eventsource-parser";
import type { ExecutionEvent, ToldEvent } from "./contract.ts";
import { ExecutionContextsError } from "./error.ts";
import { errorOf, networkError } from "./send.ts";

const KNOWN = new Set(["context", "stdout", "stderr", "result", "error", "end", "failure"]);

/**
 * The events of an answer's stream, with its `end` as the last one.
 * @throws {ExecutionContextsError} what the stream tells as `failure`; `network` when it breaks off
 * @throws the signal's reason when that is aborted
 */
export async function* readEvents(response: unknown, signal?: AbortSignal): AsyncGenerator<ToldEvent> {
  if (!(response instanceof Response) || response.body === null) {
    throw networkError(new TypeError("That is no stream."));
  }
  const told: ExecutionEvent[] = [];
  const parser = createParser({
    onEvent: ({ event, data }) => {
      const one = { event, data: JSON.parse(data) };
      if (isKnown(one)) told.push(one);
    },
  });
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const piece = await reader.read();
      if (piece.value === undefined) throw new TypeError("The stream ended before the execution did.");
      parser.feed(decoder.decode(piece.value, { stream: true }));
      for (const event of told.splice(0)) {
        if (event.event === "failure") throw errorOf(event.data, response);
        yield event;
        if (event.event === "end") return;
      }
    }
  } catch (error) {
    if (error instanceof ExecutionContextsError) throw error;
    signal?.throwIfAborted();
    throw networkError(error);
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** What a later version of the functions may tell besides is for later versions of this client. */
function isKnown(event: { event?: string; data: unknown }): event is ExecutionEvent {
  return KNOWN.has(event.event ?? "") && event.data instanceof Object;
}
