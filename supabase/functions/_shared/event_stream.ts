/** Answers as a stream of server-sent events (html.spec.whatwg.org/multipage/server-sent-events.html). */
import type { ServerEvent } from "./call.ts";
import { asContextError, toBody } from "./errors.ts";

/** How long a stream may be silent, in milliseconds. What lies between us and the caller closes silent connections. */
const SILENCE_MILLISECONDS = 8_000;
/** How long a caller may take for one event, in milliseconds; after that it counts as gone. */
const TAKING_MILLISECONDS = 15_000;

/**
 * Answers with what `work` tells, and with what it returns as the last event. The answer begins with the first event,
 * or when silence would last too long. An error before that is thrown; after it, it is the last event, `error`.
 *
 * `gone` is aborted when the caller goes away.
 */
export async function eventStream(
  work: (tell: (event: ServerEvent) => Promise<void>) => Promise<ServerEvent>,
  gone: AbortController,
): Promise<Response> {
  const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  const writer = writable.getWriter();
  const begun = Promise.withResolvers<void>();
  let hasBegun = false;
  const begin = () => {
    hasBegun = true;
    begun.resolve();
  };
  // This is how a stream learns that its reader has left, be it while it says nothing.
  writer.closed.catch(() => gone.abort());

  const write = async (text: string) => {
    if (gone.signal.aborted) return;
    const patience = setTimeout(() => gone.abort(), TAKING_MILLISECONDS);
    const left = Promise.withResolvers<void>();
    gone.signal.addEventListener("abort", () => left.resolve(), { once: true });
    const written = writer.write(new TextEncoder().encode(text)).catch(() => gone.abort());
    await Promise.race([written, left.promise]);
    clearTimeout(patience);
  };
  const tell = async ({ event, data }: ServerEvent) => {
    begin();
    await write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  const heartbeat = setInterval(() => {
    begin();
    // Behind events that the caller has not taken yet, it would only wait with them.
    if ((writer.desiredSize ?? 0) > 0) void write(": keep-alive\n\n");
  }, SILENCE_MILLISECONDS);

  const finish = async () => {
    clearInterval(heartbeat);
    await writer.close().catch(() => {});
  };
  const done = work(tell).then(
    async (last) => {
      await tell(last);
      await finish();
    },
    async (thrown) => {
      if (!hasBegun) {
        clearInterval(heartbeat);
        throw thrown;
      }
      await tell({ event: "error", data: toBody(asContextError(thrown)) });
      await finish();
    },
  );
  await Promise.race([begun.promise, done]);
  return new Response(readable, {
    headers: { "Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform" },
  });
}
