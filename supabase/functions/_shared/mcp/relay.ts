/** An answer on its way to an agent that may be slow, or gone. */
import { TextStream } from "../http/text_stream.ts";

export interface Relayed {
  readonly relay: Response;
  /** Settles when it has been taken, or its reader has gone, be it by reading nothing for too long. */
  readonly isOver: Promise<void>;
}

/** A stream is passed on as fast as it is read, and is cancelled when `gone` is aborted, which its reader's leaving does. */
export function relayed(response: Response, gone: AbortController): Relayed {
  if (response.body === null || !response.headers.get("content-type")?.startsWith("text/event-stream")) {
    return { relay: response, isOver: Promise.resolve() };
  }
  const reader = response.body.getReader();
  const stream = new TextStream(gone);
  const leave = () => void reader.cancel().catch(() => {});
  gone.signal.addEventListener("abort", leave);
  if (gone.signal.aborted) leave();
  const pass = async () => {
    const decoder = new TextDecoder();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        await stream.write(decoder.decode(value, { stream: true }));
      }
    } catch {
      // It broke because it was cancelled.
      gone.abort();
    } finally {
      gone.signal.removeEventListener("abort", leave);
      await stream.end();
    }
  };
  return { relay: new Response(stream.readable, response), isOver: pass() };
}
