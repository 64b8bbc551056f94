/** The kernel of a sandbox: runs code and reads what it says, a stream of JSON lines. */
import { z } from "zod";
import { capped, CappedText } from "./capped_text.ts";
import type { Execution, Language } from "./contract.ts";
import { ContextError } from "./errors.ts";
import { readLines } from "./lines.ts";
import type { LiveSandbox } from "./live_sandbox.ts";
import { asProviderError } from "./provider_errors.ts";

/** Most characters kept of stdout, and of stderr: the first half and the last. */
const STREAM_CHARACTERS = 20_000;
/** Most characters kept of all results together, as the kernel wrote them. One result is one line. */
const RESULTS_CHARACTERS = 4 * 1024 * 1024;
/** Most characters kept of a traceback, and of an exception's text. */
const ERROR_CHARACTERS = 20_000;
const NAME_CHARACTERS = 200;
/** Most characters read of a refusal, which comes from whatever listens on the kernel's port. */
const REFUSAL_CHARACTERS = 64 * 1024;

const messageSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("number_of_executions"), execution_count: z.int() }),
  z.object({ type: z.literal("stdout"), text: z.string() }),
  z.object({ type: z.literal("stderr"), text: z.string() }),
  // Every format is passed on, those of templates to come included.
  z.looseObject({ type: z.literal("result"), is_main_result: z.boolean().default(false) }),
  z.object({ type: z.literal("error"), name: z.string(), value: z.string(), traceback: z.string() }),
  z.object({ type: z.literal("end_of_execution") }),
]);
const knownTypes = new Set<string>(messageSchema.options.map((option) => option.shape.type.value));
/** A line of the stream. Null for what we have no use for: keep-alives, and messages of templates to come. */
const lineSchema = z.union([
  messageSchema,
  z.looseObject({ type: z.string().refine((type) => !knownTypes.has(type)) }).transform(() => null),
]);

export interface Program {
  readonly code: string;
  readonly language: Language;
  readonly envs?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

export type Run =
  | { readonly outcome: "ran"; readonly execution: Execution }
  /** The sandbox was not there: nothing ran. */
  | { readonly outcome: "gone" };

/**
 * Runs a program in the sandbox's kernel, where variables stay from one run to the next.
 *
 * Code that raises, or that does not end in time, is a result. At the time limit the connection is dropped, which
 * interrupts the kernel; what it said so far is kept.
 *
 * @throws ContextError `execution_lost` when the connection broke: whether the code ran to its end is not known.
 */
export async function run(sandbox: LiveSandbox, program: Program): Promise<Run> {
  const started = performance.now();
  const deadline = AbortSignal.timeout(program.timeoutMs);
  const stdout = new CappedText(STREAM_CHARACTERS);
  const stderr = new CappedText(STREAM_CHARACTERS);
  const execution: Pick<
    Execution,
    "status" | "results" | "error" | "execution_count"
  > = { status: "ok", results: [], error: null, execution_count: null };

  let resultsLength = 0;
  let resultsOmitted = 0;
  let answered = false;

  try {
    const response = await sandbox.execute({
      code: program.code,
      language: program.language,
      env_vars: program.envs,
    }, deadline);
    if (!response.ok || !response.body) return await refused(response, deadline);

    answered = true;
    let ended = false;
    for await (const line of readLines(response.body, RESULTS_CHARACTERS, deadline)) {
      if (typeof line !== "string") {
        switch (/"type"\s*:\s*"(\w+)"/.exec(line.head)?.[1]) {
          case "stdout":
            stdout.omit(line.length);
            break;
          case "stderr":
            stderr.omit(line.length);
            break;
          case "error":
            execution.status = "error";
            execution.error = {
              name: "Error",
              value: `The exception's text of ${line.length} characters was left out.`,
              traceback: "",
            };
            break;
          default:
            resultsOmitted++;
        }
        continue;
      }
      const message = lineSchema.parse(parseJson(line));
      if (message === null) continue;
      switch (message.type) {
        case "number_of_executions":
          execution.execution_count = message.execution_count;
          break;
        case "stdout":
          stdout.append(message.text);
          break;
        case "stderr":
          stderr.append(message.text);
          break;
        case "result": {
          resultsLength += line.length;
          if (resultsLength > RESULTS_CHARACTERS) {
            resultsOmitted++;
            break;
          }
          const { type: _, ...result } = message;
          execution.results.push(result);
          break;
        }
        case "error":
          execution.status = "error";
          execution.error = {
            name: capped(message.name, NAME_CHARACTERS),
            value: capped(message.value, ERROR_CHARACTERS),
            traceback: capped(message.traceback, ERROR_CHARACTERS),
          };
          break;
        case "end_of_execution":
          ended = true;
      }
      if (ended) break;
    }
    if (!ended && !deadline.aborted) throw lost();
    if (!ended) execution.status = "timed_out";
  } catch (thrown) {
    if (thrown instanceof ContextError) throw thrown;
    // Without an answer nobody knows whether the code began.
    if (!deadline.aborted || !answered) throw lost(thrown);
    execution.status = "timed_out";
  }

  const truncated = { stdout: stdout.omitted, stderr: stderr.omitted, results: resultsOmitted };
  return {
    outcome: "ran",
    execution: {
      ...execution,
      stdout: stdout.toString(),
      stderr: stderr.toString(),
      duration_ms: Math.round(performance.now() - started),
      truncated: Object.values(truncated).every((omitted) => omitted === 0) ? null : truncated,
    },
  };
}

/** Null where the text is not JSON: the parser's own words would quote the user's output into our log. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The proxy or the kernel's server refused the program: it did not run. */
async function refused(response: Response, deadline: AbortSignal): Promise<Run> {
  const said = parseJson(await firstLine(response, deadline));
  const body = z.looseObject({ message: z.string() }).safeParse(said);
  if (response.status === 502 && body.success && /not found/i.test(body.data.message)) return { outcome: "gone" };

  const error = asProviderError({ response, error: said });
  // The proxy's limits and time-outs are those of the whole service. Its other statuses are about the kernel.
  if ([401, 403, 429, 504].includes(response.status)) throw error;
  throw new ContextError("sandbox_unavailable", "The sandbox's kernel could not take the code. Try again.", {
    retryAfterSeconds: error.retryAfterSeconds,
    cause: new Error(`the kernel answered ${response.status}`),
  });
}

async function firstLine(response: Response, deadline: AbortSignal): Promise<string> {
  if (!response.body) return "";
  for await (const line of readLines(response.body, REFUSAL_CHARACTERS, deadline)) {
    return typeof line === "string" ? line : line.head;
  }
  return "";
}

function lost(cause?: unknown): ContextError {
  return new ContextError(
    "execution_lost",
    "The connection to the sandbox broke while the code ran. Whether it ran to its end is not known.",
    { cause },
  );
}
