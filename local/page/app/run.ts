/** One run of a cell: what it has said so far, and how it ended. */
import * as z from "zod/mini";
import type { ExecuteResult, ToldEvent } from "../../../client/mod.ts";

const pieceSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("text"), stream: z.enum(["stdout", "stderr"]), text: z.string() }),
  z.object({ kind: z.literal("result"), result: z.record(z.string(), z.unknown()) }),
  z.object({ kind: z.literal("error"), name: z.string(), value: z.string(), traceback: z.string() }),
]);
export type Piece = z.infer<typeof pieceSchema>;

export const runSchema = z.object({
  /** What was sent: the cell's own may have been changed since. */
  code: z.string(),
  /** The idempotency key: by it a page that was reloaded comes back to its run. */
  key: z.string(),
  begun_at: z.number(),
  /** Milliseconds; null while it runs. */
  took: z.nullable(z.number()),
  pieces: z.array(pieceSchema),
  status: z.nullable(z.string()),
  /** Variables that are gone, in the client's words. */
  note: z.nullable(z.string()),
  /** What kept the code from running, and what to do. */
  failure: z.nullable(z.object({ message: z.string(), advice: z.string() })),
  timing: z.nullable(z.string()),
});
export type Run = z.infer<typeof runSchema>;

export function newRun(key: string, code: string): Run {
  return {
    key,
    code,
    begun_at: Date.now(),
    took: null,
    pieces: [],
    status: null,
    note: null,
    failure: null,
    timing: null,
  };
}

/** What a run is after an event. */
export function after(run: Run, event: ToldEvent): Run {
  const pieces = [...run.pieces];
  const last = pieces.at(-1);
  switch (event.event) {
    case "stdout":
    case "stderr":
      if (last?.kind === "text" && last.stream === event.event) {
        pieces[pieces.length - 1] = { ...last, text: last.text + event.data.text };
      } else {
        pieces.push({ kind: "text", stream: event.event, text: event.data.text });
      }
      break;
    case "result":
      pieces.push({ kind: "result", result: event.data });
      break;
    case "error":
      pieces.push({ kind: "error", ...event.data });
      break;
  }
  return { ...run, pieces };
}

/** What a run is at its end. */
export function ended(run: Run, { execution, stateNote }: ExecuteResult): Run {
  return { ...run, status: execution.status, took: execution.duration_ms, note: stateNote };
}
