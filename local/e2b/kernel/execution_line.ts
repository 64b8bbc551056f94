import type { CellMessage } from "./kernel_message.ts";

/** One line of the answer to `POST /execute`. */
export type ExecutionLine =
  | { type: "number_of_executions"; execution_count: number }
  | { type: "stdout" | "stderr"; text: string; timestamp: string }
  | { type: "error"; name: string; value: string; traceback: string }
  | Omit<Extract<CellMessage, { type: "result" }>, "id">
  | { type: "keepalive" }
  | { type: "end_of_execution" };

/** What a cell ends with when its kernel is restarted while it runs. */
export const RESTARTED: ExecutionLine = {
  type: "error",
  name: "ContextRestarting",
  value: "Context was restarted",
  traceback: "",
};

/** What a cell ends with when its kernel is gone for good. */
export const REMOVED: ExecutionLine = {
  type: "error",
  name: "UnexpectedEndOfExecution",
  value: "Connection to the execution was closed before the execution was finished",
  traceback: "",
};

/** What the client reads of a message. */
export function lineOf(message: Exclude<CellMessage, { type: "done" }>): ExecutionLine {
  switch (message.type) {
    case "count":
      return { type: "number_of_executions", execution_count: message.count };
    case "stdout":
    case "stderr":
      return {
        type: message.type,
        text: message.text,
        timestamp: new Date().toISOString(),
      };
    default: {
      const { id: _id, ...line } = message;
      return line;
    }
  }
}

/** What a cell ends with when its kernel ended by itself. */
export function died(reason: string): ExecutionLine {
  return {
    type: "error",
    // Jupyter starts a kernel that crashed anew, and the template tells it in the same way.
    name: "ContextRestarting",
    value: reason,
    traceback: `ContextRestarting: ${reason}\nAll variables are lost; the next execution starts a new kernel.`,
  };
}
