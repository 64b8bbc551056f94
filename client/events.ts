import { createParser } from "eventsource-parser";
import type { ExecutionEvent, ToldEvent } from "./contract.ts";
import { ExecutionContextsError } from "./error.ts";
import { sleep } from "./retry.ts";
import { errorOf, isResponse, networkError } from "./send.ts";

const KNOWN = new Set(["context", "stdout", "stderr", "result", "error", "end", "failure"]);

/** The functions say something every second: past this, in milliseconds, the connection is dead and nobody has noticed. */
const SILENCE_MS = 15_000;

/**
 * The events of an answer's stream, with its `end` as the last one.
 * @throws {ExecutionContextsError} what the stream tells as `failure`; `network` when it breaks off
 * @throws the signal's reason when that is aborted
 */
export async function* readEvents(response: unknown, signal?: AbortSignal): AsyncGenerator<ToldEvent> {
  if (!isResponse(response) || response.body === null) {
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
      const piece = await heard(reader, signal);
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

/** Looks at the signal itself, too: a `fetch` that has lost an abort goes on reading, as Deno 2.9's does now and then. */
async function heard(reader: ReadableStreamDefaultReader<Uint8Array>, signal: AbortSignal | undefined) {
  const heard = new AbortController();
  const silence = sleep(SILENCE_MS, [heard.signal, signal]).then(() => {
    if (!heard.signal.aborted) throw new TypeError("The stream is silent.");
    return { value: undefined };
  });
  try {
    return await Promise.race([reader.read(), silence]);
  } finally {
    heard.abort();
  }
}

/** What a later version of the functions may tell besides is for later versions of this client. */
function isKnown(event: { event?: string; data: unknown }): event is ExecutionEvent {
  return KNOWN.has(event.event ?? "") && event.data instanceof Object;
}
