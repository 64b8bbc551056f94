/** Files on their way in or out: a run carries them, whose code does nothing. */
import type { Language } from "../contract/execute_code.ts";
import { ContextError } from "../errors.ts";
import { run, type RunAnswer, type RunFields } from "./run.ts";
import type { ToolCall } from "./tool.ts";

const NOTHING: Record<Language, string> = {
  python: "pass",
  javascript: "void 0",
  typescript: "void 0",
  bash: ":",
  r: "invisible(NULL)",
  java: "assert true;",
};

/** @throws ContextError `context_busy` when something else kept the kernel busy for the whole time */
export async function transfer(toolCall: ToolCall, files: Omit<RunFields, "code" | "language">): Promise<RunAnswer> {
  const { languages } = toolCall.call.config.sandbox;
  // Most likely its kernel is there already.
  const language = languages.includes("python") ? "python" : languages[0];
  const answer = await run(toolCall, { ...files, language, code: NOTHING[language] });
  if (answer.execution.status === "ok") return answer;
  throw new ContextError("context_busy", "Something else was running there for the whole time.", {
    retryAfterSeconds: 5,
  });
}
