import assert from "node:assert/strict";
import { invoke, newPath, stop, user } from "../../support/clients.ts";
import { stream } from "../../support/event_stream.ts";
import { at, startFaultyStack } from "../../support/faulty_stack.ts";
import { callers } from "../../support/plain_call.ts";
import { endless } from "../../support/programs.ts";
import { connect } from "../../support/rows.ts";

/** How long a run may go on after it was stopped before it counts as not stopped, in milliseconds. */
const BOUND_MILLISECONDS = 5_000;

export interface Stops {
  /** Runs that went on for longer than five seconds, or that the ledger does not call cancelled. */
  readonly not_stopped: number;
  /** From the moment of the stop to the end of the next run on the path, in milliseconds, one entry a round. */
  readonly free_again: number[];
}

/** Measures each way to stop a run, by the interrupt or by the dropped connection, on a stack and a kernel of its own. */
export async function measureStops(
  rounds: number,
  by: "interrupt" | "dropped connection",
): Promise<Map<string, Stops>> {
  const faulty = await startFaultyStack();
  const sql = connect(faulty.stack);
  try {
    if (by === "dropped connection") faulty.database.intercept(at.hold, { kind: "answer", status: 401 }, Infinity);
    const client = await user(faulty.stack);
    const path = newPath();
    await invoke(client, "execute-code", { ...path, code: "1" });
    /** The run that is under way, as soon as the ledger knows of it. */
    const running = async (): Promise<string> => {
      for (;;) {
        const [run] = await sql`
          select id from copilot_internal.executions
          where conversation_id = ${path.conversation_id} and status = 'running'`;
        if (run) return run.id;
      }
    };
    const endOf = async (id: string): Promise<string> => {
      for (;;) {
        const [{ status }] = await sql`select status from copilot_internal.executions where id = ${id}`;
        if (status !== "running") return status;
      }
    };

    /** Begins a run, and returns how it is stopped. */
    const streamed = async (leave: (events: Awaited<ReturnType<typeof stream>>, id: string) => Promise<unknown>) => {
      const events = await stream(client, { ...path, code: endless });
      const { data: { execution_id } } = await events.until("context");
      await events.until("stdout");
      return { leave: () => leave(events, String(execution_id)), end: () => events.cancel() };
    };
    const ways: Record<string, () => Promise<{ leave(): Promise<unknown>; end(): Promise<unknown> }>> = {
      "the reader of a stream leaves": () => streamed((events) => events.cancel()),
      "stopped by its id": () => streamed((_, execution_id) => stop(client, path, { execution_id })),
      "stopped by its path": () => streamed(() => stop(client, path)),
    };
    for (const [how, begin] of Object.entries(callers)) {
      ways[`the caller ${how}`] = async () => {
        const call = await begin(faulty.stack.apiUrl, client, { ...path, code: endless });
        await running();
        return { leave: () => call.leave(), end: async () => await call[Symbol.asyncDispose]() };
      };
    }

    const measured = new Map<string, Stops>();
    for (const [name, begin] of Object.entries(ways)) {
      const freeAgain: number[] = [];
      let notStopped = 0;
      for (let round = 0; round < rounds; round++) {
        const run = await begin();
        const id = await running();
        const stopped = performance.now();
        await run.leave();
        const { execution } = await invoke(client, "execute-code", { ...path, code: "print(n > 0)" });
        const took = performance.now() - stopped;
        freeAgain.push(took);
        assert.equal(execution.stdout, "True\n");
        if (took > BOUND_MILLISECONDS || await endOf(id) !== "cancelled") notStopped++;
        await run.end();
      }
      measured.set(name, { not_stopped: notStopped, free_again: freeAgain });
    }
    return measured;
  } finally {
    await sql.end();
    await faulty.stop();
  }
}
