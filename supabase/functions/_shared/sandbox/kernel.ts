/** The kernel of a sandbox: takes code, and says what comes of it in a stream of JSON lines. */
import * as z from "zod/mini";
import type { Language } from "../contract/execute_code.ts";
import { ContextError } from "../errors.ts";
import { countValues } from "../json_values.ts";
import { behindEnvs, splicedEnvs } from "./env_vars.ts";
import { EscapedText } from "./escaped_text.ts";
import { type LongLine, type Reading, readLines } from "./lines.ts";
import { type LiveSandbox, SANDBOX_CALL_MILLISECONDS } from "./live_sandbox.ts";
import { AccessRefused, asProviderError } from "./provider_errors.ts";

/** The exception by which the template tells that the kernel was restarted under a run, by somebody or after a crash. */
export const KERNEL_RESTARTED = "ContextRestarting";
/** By these the template tells that it lost its own connection to the kernel. No exception of the code's: no traceback. */
const LOST = new Set(["WebSocketError", "UnexpectedEndOfExecution"]);
/** Longest line that is held, in bytes. One message is one line. */
export const LINE_BYTES = 4 * 1024 * 1024;
/** Most values in a result, and in all of a run: a list of lists takes some forty times its bytes of memory. */
export const RESULT_VALUES = 250_000;
/** Where the type of a message is looked for whose line is not parsed. */
const HEAD_CHARACTERS = 200;
/** The longest end of a line of output, behind its text. */
const TIMESTAMP_CHARACTERS = 100;
/** Most that is read of a short answer, in bytes: it comes from whatever listens on the kernel's port. */
const ANSWER_BYTES = 64 * 1024;

const messageSchema = z.discriminatedUnion("type", [
  // Without a number that could be one, the kernel has begun all the same. The ledger's numbers have 32 bits.
  z.object({
    type: z.literal("number_of_executions"),
    execution_count: z.catch(z.nullable(z.int32().check(z.nonnegative())), null),
  }),
  z.object({ type: z.literal("stdout"), text: z.string() }),
  z.object({ type: z.literal("stderr"), text: z.string() }),
  // Every format is passed on, those of templates to come included.
  z.looseObject({ type: z.literal("result"), is_main_result: z._default(z.boolean(), false) }),
  z.object({ type: z.literal("error"), name: z.string(), value: z.string(), traceback: z.string() }),
  z.object({ type: z.literal("end_of_execution") }),
]);
const knownTypes = new Set<string>(messageSchema.def.options.flatMap((option) => option.shape.type.def.values));
/** A line of the stream. Null for what we have no use for: keep-alives, and messages of templates to come. */
const lineSchema = z.union([
  messageSchema,
  z.pipe(
    z.looseObject({ type: z.string().check(z.refine((type) => !knownTypes.has(type))) }),
    z.transform(() => null),
  ),
]);

/** What the kernel says of a run. `characters`: the length of its line; `values`: how many there are in its JSON. */
export type KernelMessage =
  | Exclude<z.infer<typeof messageSchema>, { type: "end_of_execution" }> & {
    readonly characters: number;
    readonly values: number;
  }
  /** Output, as yet unread. */
  | {
    readonly type: "output";
    readonly of: "stdout" | "stderr";
    readonly text: EscapedText;
    readonly characters: number;
  }
  /** A message whose line was too long to hold, or held too much. */
  | { readonly type: "too_long"; readonly of: string | undefined; readonly characters: number };

export interface Program {
  readonly code: string;
  readonly language: Language;
  readonly envs?: Readonly<Record<string, string>>;
}

export type Ending =
  | { readonly outcome: "ended" }
  /**
   * The signal came first, or the limit of what is read. The connection was dropped, which makes the template interrupt
   * what has begun.
   */
  | { readonly outcome: "interrupted" }
  /** The sandbox was not there: nothing ran. */
  | { readonly outcome: "gone" }
  /** The sandbox was there, and nobody in it to take code: nothing ran. A server that restarts is back in seconds. */
  | { readonly outcome: "closed" };

/**
 * Runs a program in the sandbox's kernel, where variables stay from one run to the next, until it ends, `signal` aborts,
 * or it has said as much as is read. `take` is given what the kernel says, and slows it down by taking its time.
 *
 * @throws ContextError `execution_lost` when the connection broke: whether the code ran to its end is not known.
 */
export async function run(
  sandbox: Pick<LiveSandbox, "execute">,
  program: Program,
  signal: AbortSignal,
  take: (message: KernelMessage) => Promise<void>,
  reading: Omit<Reading, "longest">,
): Promise<Ending> {
  let isFull = false;
  const onFull = async () => {
    isFull = true;
    await reading.onFull?.();
  };
  try {
    const { code, language, envs } = program;
    const body = envs && Object.keys(envs).length > 0
      ? { code: behindEnvs(language, code), language, env_vars: splicedEnvs(language, envs) }
      : { code, language };
    const response = await sandbox.execute(body, signal);
    if (!response.ok || !response.body) return await refused(response, signal);
    for await (const line of readLines(response.body, signal, { ...reading, longest: LINE_BYTES, onFull })) {
      const message = messageOf(line);
      if (message === null) continue;
      if (message.type === "end_of_execution") return { outcome: "ended" };
      if (message.type === "error" && LOST.has(message.name) && message.traceback === "") throw lost();
      await take({ ...message, characters: line.length });
    }
  } catch (thrown) {
    if (thrown instanceof ContextError) throw thrown;
    if (!signal.aborted && !isFull) throw lost(thrown);
  }
  if (!signal.aborted && !isFull) throw lost();
  return { outcome: "interrupted" };
}

function messageOf(line: string | LongLine) {
  if (typeof line !== "string") return tooLong(line.head);
  const output = outputOf(line);
  if (output) return output;
  const values = countValues(line, RESULT_VALUES);
  if (values > RESULT_VALUES) return tooLong(line.slice(0, HEAD_CHARACTERS));
  const message = lineSchema.parse(parseJson(line));
  return message && { ...message, values };
}

function tooLong(head: string) {
  return { type: "too_long" as const, of: /"type"\s*:\s*"(\w+)"/.exec(head)?.[1] };
}

/** A line of output in the very form in which the template writes it; any other one is read as JSON. */
function outputOf(line: string) {
  const [head, of] = /^\{"type": ?"(stdout|stderr)", ?"text": ?"/.exec(line) ?? [];
  const [tail] = /", ?"timestamp": ?"[^"\\]*"\}$/.exec(line.slice(-TIMESTAMP_CHARACTERS)) ?? [];
  if (head === undefined || tail === undefined || head.length + tail.length > line.length) return null;
  const raw = line.slice(head.length, line.length - tail.length);
  return { type: "output", of: of === "stdout" ? "stdout" : "stderr", text: new EscapedText(raw) } as const;
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
async function refused(response: Response, signal: AbortSignal): Promise<Ending> {
  const said = await firstJson(response, signal);
  const absence = absenceOf(response, said);
  if (absence) return { outcome: absence };

  if ([401, 403].includes(response.status)) throw new AccessRefused(response.status);
  const error = asProviderError({ response, error: said });
  // The proxy's limits and time-outs are those of the whole service. Its other statuses are about the kernel.
  if ([429, 504].includes(response.status)) throw error;
  throw unavailable(`the kernel answered ${response.status}`, error.retryAfterSeconds);
}

/** What the proxy says that is missing: the sandbox, or whoever listens in it. */
function absenceOf({ status }: Response, said: unknown): "gone" | "closed" | null {
  const body = z.looseObject({ message: z.string() }).safeParse(said);
  if (status !== 502 || !body.success) return null;
  if (/not found/i.test(body.data.message)) return "gone";
  return /port is not open/i.test(body.data.message) ? "closed" : null;
}

/** Whether nobody in the sandbox takes code just now, as far as the proxy says so. Nothing runs for that. */
export async function isClosed(sandbox: Pick<LiveSandbox, "listKernels">): Promise<boolean> {
  try {
    const response = await sandbox.listKernels();
    return absenceOf(response, await firstJson(response, AbortSignal.timeout(SANDBOX_CALL_MILLISECONDS))) === "closed";
  } catch {
    return false;
  }
}

/** Why a kernel could not be asked, as callers meet it. */
export function unavailable(what: string, retryAfterSeconds = 2): ContextError {
  return new ContextError("sandbox_unavailable", "The sandbox's kernel could not take the code. Try again.", {
    retryAfterSeconds,
    cause: new Error(what),
  });
}

/** What a short answer of one line says; null if that is not JSON. */
export async function firstJson(response: Response, signal: AbortSignal): Promise<unknown> {
  if (!response.body) return null;
  for await (const line of readLines(response.body, signal, { longest: ANSWER_BYTES, most: ANSWER_BYTES })) {
    return typeof line === "string" ? parseJson(line) : null;
  }
  return null;
}

function lost(cause?: unknown): ContextError {
  return new ContextError(
    "execution_lost",
    "The connection to the sandbox broke while the code ran. Whether it ran to its end is not known.",
    { cause },
  );
}
