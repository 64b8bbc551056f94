import type { ExecutionLine } from "../kernel/execution_line.ts";
import type { LineSink } from "../kernel/kernel.ts";

const KEEPALIVE_MS = 5000;
const BUFFER_BYTES = 64 * 1024;

/**
 * The answer to `POST /execute`: JSON lines, written while the cell runs.
 *
 * A client that goes away aborts the signal given to `run`. The end of the
 * sandbox, its pause or a copy of it does the same and breaks the stream instead of
 * closing it, because a closed one would pass for a cell that finished. A client that reads slowly slows `run` down.
 */
export function executionStream(
  run: (sink: LineSink, signal: AbortSignal) => Promise<void>,
  connections: AbortSignal,
): ReadableStream<Uint8Array> {
  const client = new AbortController();
  const encoder = new TextEncoder();
  let room = Promise.withResolvers<void>();
  const makeRoom = () => {
    room.resolve();
    room = Promise.withResolvers<void>();
  };

  const drive = async (
    controller: ReadableStreamDefaultController<Uint8Array>,
  ) => {
    let open = true;
    const shut = () => {
      open = false;
      makeRoom();
    };
    const breakOff = () => {
      // Deno prints the reason, with a stack if it has one.
      if (open) controller.error("a sandbox ended, was paused or was copied while a cell was running");
      client.abort();
    };
    const write = (line: ExecutionLine) => controller.enqueue(encoder.encode(`${ascii(JSON.stringify(line))}\n`));
    const isFull = () => open && (controller.desiredSize ?? 0) <= 0;

    client.signal.addEventListener("abort", shut);
    connections.addEventListener("abort", breakOff);
    if (connections.aborted) breakOff();
    const keepalive = setInterval(() => {
      if (open && !isFull()) write({ type: "keepalive" });
    }, KEEPALIVE_MS);
    try {
      await run(async (line) => {
        if (open) write(line);
        while (isFull()) await room.promise;
      }, client.signal);
      if (open) controller.close();
    } finally {
      clearInterval(keepalive);
      connections.removeEventListener("abort", breakOff);
    }
  };

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        // Not returned: a stream whose start() is pending delivers nothing.
        drive(controller).catch((error) => controller.error(error));
      },
      pull: makeRoom,
      cancel: () => client.abort(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: BUFFER_BYTES }),
  );
}

/**
 * The SDK decodes every chunk by itself, so a character of several bytes that
 * two chunks share would be lost.
 */
function ascii(json: string): string {
  return json.replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
