/** Answers as a stream of server-sent events (html.spec.whatwg.org/multipage/server-sent-events.html). */
import type { ServerEvent } from "../call.ts";
import type { ExecutionEvent } from "../contract/execute_code.ts";
import { asContextError, ContextError, toBody } from "../errors.ts";
import { TextStream } from "./text_stream.ts";

/**
 * How long a stream may be silent, in milliseconds. The platform finds out that a caller has left when it writes, and by
 * way of two proxies at the second time: until then the run goes on, and its kernel is not free.
 */
export const SILENCE_MILLISECONDS = 1_000;

/**
 * Answers with what `work` tells, and with what it returns as the last event. The answer begins with the first event,
 * or when silence would last too long. An error before that is thrown; after it, it is the last event, `failure`.
 *
 * `gone` is aborted when the caller goes away.
 *
 * @throws ContextError what `work` throws before the answer begins; `cancelled` when the caller has gone by then
 */
export async function eventStream(
  work: (tell: (event: ServerEvent) => Promise<void>) => Promise<ServerEvent>,
  gone: AbortController,
): Promise<Response> {
  const stream = new TextStream(gone);
  const begun = Promise.withResolvers<void>();
  let hasBegun = false;
  const begin = () => {
    hasBegun = true;
    begun.resolve();
  };
  const tell = async ({ event, data }: ServerEvent) => {
    begin();
    await stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  const heartbeat = setInterval(() => {
    begin();
    // Behind events that the caller has not taken yet, it would only wait with them.
    if (stream.isIdle) void stream.write(": keep-alive\n\n");
  }, SILENCE_MILLISECONDS);

  const told = async () => {
    try {
      await tell(await work(tell));
    } catch (thrown) {
      if (!hasBegun) throw thrown;
      await tell({ event: "failure", data: toBody(asContextError(thrown)) } satisfies ExecutionEvent);
    } finally {
      clearInterval(heartbeat);
      await stream.end();
    }
  };
  await Promise.race([begun.promise, told()]);
  // The server would report an answer whose stream is broken already as a failure of its own.
  if (gone.signal.aborted) throw new ContextError("cancelled", "The caller went away.");
  return new Response(stream.readable, {
    headers: { "Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform" },
  });
}
