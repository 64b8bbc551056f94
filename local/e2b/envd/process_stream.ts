import type { Listener } from "./audience.ts";
import { ConnectError } from "./connect_error.ts";
import type { ProcessEvent } from "./process_event.ts";

const KEEPALIVE_MS = 90_000;
/** Of a timer. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** What a client asks of a stream in its headers, in milliseconds. */
export interface StreamOptions {
  /** How long it may be silent. */
  readonly keepaliveMs: number;
  /** How long it may take; without it, it may take as long as it will. */
  readonly timeoutMs: number | undefined;
}

/** Go's words, which envd passes on. */
export function deadlineExceeded(): ConnectError {
  return new ConnectError("deadline_exceeded", "context deadline exceeded");
}

/** @throws {ConnectError} when a header is no number */
export function streamOptions(headers: Headers): StreamOptions {
  const seconds = Number(headers.get("keepalive-ping-interval"));
  const timeout = headers.get("connect-timeout-ms");
  if (timeout !== null && !/^\d{1,10}$/.test(timeout)) {
    throw new ConnectError("invalid_argument", "connect-timeout-ms is not a number of milliseconds");
  }
  return {
    keepaliveMs: Number.isInteger(seconds) && seconds > 0 ? Math.min(seconds * 1000, MAX_DELAY_MS) : KEEPALIVE_MS,
    timeoutMs: Math.min(Number(timeout ?? 0), MAX_DELAY_MS) || undefined,
  };
}

/**
 * Protobuf's `StartResponse` and `ConnectResponse` as JSON: the process's number, then all that it is heard to say.
 * `listener` leaves when `signal` aborts, and with an error when the client's time is over.
 */
export async function* eventsOf(
  pid: number,
  listener: Listener<ProcessEvent>,
  { keepaliveMs, timeoutMs }: StreamOptions,
  signal: AbortSignal,
): AsyncGenerator<{ readonly event: ProcessEvent }> {
  const leave = () => listener.leave();
  signal.addEventListener("abort", leave);
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => listener.fail(deadlineExceeded()), timeoutMs);
  try {
    yield { event: { start: { pid } } };
    let next = listener.next();
    while (true) {
      // It may fail while a sign of life is on its way; the next turn hears of it.
      next.catch(() => {});
      const event = await within(next, keepaliveMs);
      if (event === null) return;
      yield { event };
      if (!("keepalive" in event)) next = listener.next();
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", leave);
    listener.leave();
  }
}

/** What comes within the time, or a sign of life. */
async function within(next: Promise<ProcessEvent | null>, milliseconds: number): Promise<ProcessEvent | null> {
  const silence = Promise.withResolvers<ProcessEvent>();
  const timer = setTimeout(() => silence.resolve({ keepalive: {} }), milliseconds);
  try {
    return await Promise.race([next, silence.promise]);
  } finally {
    clearTimeout(timer);
  }
}
