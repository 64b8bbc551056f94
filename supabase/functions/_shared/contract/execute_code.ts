/** execute-code, as callers ask for it and what they get, at once or told piece by piece. */
import * as z from "zod/mini";
import type { AcquireResponse } from "./acquire_context.ts";
import type { ErrorBody } from "./error.ts";
import { fewOf, filePathSchema, FILES_BYTES, fileSchema, fitTogether } from "./file.ts";
import { fromAnotherPath, idSchema, isWithin, pathFields, strictFields } from "./path.ts";

/** Largest program, in bytes of UTF-8. */
const CODE_BYTES = 100 * 1024;
/** Most environment variables, and the largest value of one, in bytes of UTF-8. */
const ENVS = 100;
const ENV_BYTES = 32 * 1024;

/** The languages of E2B's `code-interpreter-v1` template. */
export const languageSchema = z.enum(["python", "javascript", "typescript", "bash", "r", "java"]);
export type Language = z.infer<typeof languageSchema>;

/** The template takes a variable away after the run, and without these its kernels do not work. */
const RESERVED_ENVS = new Set(["HOME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "TERM", "TMPDIR", "USER"]);

/** What may name an argument in R: no underscore first, and none of its words. */
const R_NAME = /^(?!(if|else|repeat|while|function|for|next|break|TRUE|FALSE|NULL|Inf|NaN|NA(_\w+)?)$)[A-Za-z]/;

const envsSchema = z.pipe(
  z.unknown().check(
    z.refine(
      // Counted before any name is looked at: each that is wrong is an issue of its own.
      (envs) => !(envs instanceof Object) || Object.keys(envs).length <= ENVS,
      { message: `must be at most ${ENVS} variables`, abort: true },
    ),
    z.refine(
      // Zod leaves it out of a record without a word.
      (envs) => !(envs instanceof Object && Object.hasOwn(envs, "__proto__")),
      { path: ["__proto__"], message: "cannot be set", abort: true },
    ),
  ),
  z.record(
    z.string().check(
      z.regex(/^[A-Za-z_][A-Za-z0-9_]{0,254}$/, "must be a name of letters, digits and underscores"),
      z.refine((name) => !RESERVED_ENVS.has(name), "is the sandbox's own"),
    ),
    z.string().check(
      z.refine((value) => isWithin(ENV_BYTES, value), {
        message: `must be at most ${ENV_BYTES} bytes of UTF-8`,
        abort: true,
      }),
      // No operating system can hold the one, no encoding the other.
      z.refine(
        (value) => !value.includes("\0") && value.isWellFormed(),
        "must be well-formed text without NUL characters",
      ),
    ),
  ),
);

export const executeRequestSchema = strictFields({
  ...pathFields,
  code: z.string().check(
    z.refine((code) => isWithin(CODE_BYTES, code), {
      message: `must be at most ${CODE_BYTES} bytes of UTF-8`,
      abort: true,
    }),
    z.refine((code) => code.trim().length > 0, "must not be empty"),
  ),
  language: z._default(languageSchema, "python"),
  timeout_ms: z.optional(z.int().check(z.minimum(1))),
  envs: z.optional(envsSchema),
  idempotency_key: z.optional(idSchema),
  files: z._default(
    fewOf(fileSchema).check(z.refine(fitTogether, `must be at most ${FILES_BYTES} bytes together`)),
    [],
  ),
  outputs: z._default(fewOf(filePathSchema), []),
  /** What to do without the variables that `expects` names. */
  on_loss: z._default(z.enum(["continue", "refuse"]), "continue"),
}).check(
  z.superRefine(({ language, envs = {} }, issues) => {
    // The template writes the name into R's code as that of an argument.
    const name = language === "r" ? Object.keys(envs).find((name) => !R_NAME.test(name)) : undefined;
    if (name !== undefined) issues.addIssue({ code: "custom", path: ["envs", name], message: "is no name in R" });
  }),
  fromAnotherPath,
);
export type ExecuteRequest = z.infer<typeof executeRequestSchema>;

/** One value that the code showed, in every format that the kernel gave for it. */
const resultSchema = z.looseObject({ is_main_result: z._default(z.boolean(), false) });
export type ExecutionResult = z.infer<typeof resultSchema>;

const errorSchema = z.object({ name: z.string(), value: z.string(), traceback: z.string() });
export type ExecutionError = z.infer<typeof errorSchema>;

/** A file that was asked for, after the run. `unavailable`: it could not be asked for, or is no file. */
const outputSchema = z.discriminatedUnion("status", [
  z.object({
    status: z.literal("ok"),
    path: z.string(),
    media_type: z.string(),
    bytes: z.int(),
    content_base64: z.string(),
  }),
  z.object({ status: z.enum(["missing", "too_large", "unavailable"]), path: z.string() }),
]);
export type OutputFile = z.infer<typeof outputSchema>;

/** How an execution ended. Code that raises is a result, not an HTTP error. */
const endSchema = z.object({
  /**
   * `output_limit`: it said more than is read of a run. `cancelled`: somebody stopped it by name. `cut_off`: the worker
   * that served the request had to end.
   */
  status: z.enum(["ok", "error", "timed_out", "output_limit", "cancelled", "cut_off"]),
  error: z.nullable(errorSchema),
  /** Null when the kernel did not say that it had begun: others kept it busy, or it took too long to start. */
  execution_count: z.nullable(z.int()),
  /** From the code's way to the kernel to its end, in milliseconds. */
  duration_ms: z.int(),
  /** What was left out: of the middle of each stream, in characters, and results; null when nothing was. */
  truncated: z.nullable(z.object({ stdout: z.int(), stderr: z.int(), results: z.int() })),
  /** Whether the kernel went, and with it all variables: it crashed, or the code did not yield when it was cut off. */
  kernel_restarted: z.boolean(),
  outputs: z.array(outputSchema),
});

export const executionSchema = z.extend(endSchema, {
  results: z.array(resultSchema),
  stdout: z.string(),
  stderr: z.string(),
});
export type Execution = z.infer<typeof executionSchema>;

/** Where an execution runs. */
export interface ExecutionContext extends AcquireResponse {
  /** By this it can be stopped. Of a kept answer, that of the execution which it is about. */
  execution_id: string;
}

export interface ExecuteResponse extends ExecutionContext {
  execution: Execution;
  /** Whether this is the kept answer to another request with the same idempotency key. */
  replayed: boolean;
}

/** What the answer says at its end. `state_id`: the run itself may have cost its kernel. */
type Ending = Pick<ExecuteResponse, "replayed" | "state_id">;

/** What a stream tells, one piece after the other. Texts of a stream, joined, are what the JSON answer has. */
export type ExecutionEvent =
  /** Told again when the sandbox turned out dead before it took the code, or, later, when its kernel turned out new. */
  | { readonly event: "context"; readonly data: ExecutionContext }
  | { readonly event: "stdout" | "stderr"; readonly data: { readonly text: string } }
  | { readonly event: "result"; readonly data: ExecutionResult }
  /** What the code raised. */
  | { readonly event: "error"; readonly data: ExecutionError }
  /** The last one, when the request failed after the answer had begun. */
  | { readonly event: "failure"; readonly data: ErrorBody }
  /** Else the last one: what the execution has besides what has been told. */
  | { readonly event: "end"; readonly data: z.infer<typeof endSchema> & Ending };

/** The last event of an answer's stream. */
export function endOf({ execution, replayed, state_id }: ExecuteResponse): ExecutionEvent {
  return { event: "end", data: { ...endSchema.parse(execution), replayed, state_id } };
}
