/** A tool by which a language model runs code on a path, in the shapes of those who call models. */
import { answerOf } from "../supabase/functions/_shared/words/answer.ts";
import { LANGUAGES } from "../supabase/functions/_shared/words/state_memory.ts";
import type { ExecuteFields, ToolAnswer } from "./contract.ts";
import { ExecutionContextsError } from "./error.ts";
import type { Path } from "./path.ts";

export interface ToolOptions {
  /** Default `run_code`. */
  readonly name?: string;
  /** Default `python`. */
  readonly language?: ExecuteFields["language"];
  /** What is said to the model besides: which files are there, which packages. */
  readonly about?: string;
  /** Most of what goes back to the model, in tokens of some four characters; default 4,000. */
  readonly maxTokens?: number;
  /** Most pictures that go back to the model; default 4. */
  readonly maxImages?: number;
  /** For each run: `timeout_ms`, `envs`, `files`, `outputs`. */
  readonly execute?: Omit<ExecuteFields, "language" | "idempotency_key">;
}

export interface ToolInput {
  readonly code: string;
}

interface ToolCallOptions {
  readonly signal?: AbortSignal;
}

/** `jsonSchema` of the AI SDK. */
type JsonSchema<Schema> = (schema: typeof PARAMETERS) => Schema;

const PARAMETERS = {
  type: "object",
  properties: { code: { type: "string", description: "The code to run." } },
  required: ["code"],
  additionalProperties: false,
} as const;

export interface CodeTool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the input. */
  readonly parameters: typeof PARAMETERS;
  /**
   * Runs what the model wrote: `{ code }`. What the code raises, or what is wrong with it, is an answer for the model; what
   * else keeps it from running is thrown.
   * @throws {ExecutionContextsError}
   * @throws the signal's reason when that is aborted
   */
  execute(input: unknown, options?: ToolCallOptions): Promise<ToolAnswer>;
  /** For `tools` of the AI SDK's `generateText` and `streamText`, version 5 and later; give it that SDK's `jsonSchema`. */
  forAiSdk<Schema>(jsonSchema: JsonSchema<Schema>): AiSdkTool<Schema>;
  /** For OpenAI's Responses API: the definition, and the output for a `function_call` item. */
  readonly openai: {
    readonly definition: {
      type: "function";
      name: string;
      description: string;
      parameters: typeof PARAMETERS;
      strict: true;
    };
    output(call: { call_id: string; arguments: string }, options?: ToolCallOptions): Promise<OpenAiOutput>;
  };
  /** For Anthropic's Messages API: the definition, and the block that answers a `tool_use` block. */
  readonly anthropic: {
    readonly definition: { name: string; description: string; input_schema: typeof PARAMETERS };
    result(use: { id: string; input: unknown }, options?: ToolCallOptions): Promise<AnthropicResult>;
  };
}

export interface AiSdkTool<Schema> {
  description: string;
  inputSchema: Schema;
  execute(input: ToolInput, options: { abortSignal?: AbortSignal }): Promise<ToolAnswer>;
  /** Version 5 hands over the answer itself, later ones an object with it; their words for a picture differ, too. */
  toModelOutput: typeof aiSdkOutput;
}

interface AiSdkOutput<Picture extends string> {
  type: "content";
  value: ({ type: "text"; text: string } | { type: Picture; data: string; mediaType: string })[];
}

export interface OpenAiOutput {
  type: "function_call_output";
  call_id: string;
  output: ({ type: "input_text"; text: string } | { type: "input_image"; image_url: string; detail: "auto" })[];
}

export interface AnthropicResult {
  type: "tool_result";
  tool_use_id: string;
  content: (
    | { type: "text"; text: string }
    | { type: "image"; source: { type: "base64"; media_type: string; data: string } }
  )[];
}

export function codeTool(path: Path, options: ToolOptions = {}): CodeTool {
  const { name = "run_code", language = "python", about, maxTokens = 4_000, maxImages = 4 } = options;
  const description =
    `Runs ${LANGUAGES[language]} code in this conversation's own session, in which variables and files ` +
    "stay from one call to the next. Returns what it prints, the value of its last expression, pictures that it shows, " +
    `and what it raises.${about === undefined ? "" : ` ${about}`}`;

  const execute: CodeTool["execute"] = async (input, { signal } = {}) => {
    const code = codeOf(input);
    if (code === null) return notRun('the input must be { "code": "…" }');
    try {
      const result = await path.execute(code, { ...options.execute, language, signal });
      return answerOf(result, { maxTokens, maxImages });
    } catch (error) {
      // Only the model can mend these.
      if (!(error instanceof ExecutionContextsError)) throw error;
      if (error.code === "execution_lost") {
        return { text: `It is not known how far the code came. ${error.message}`, images: [] };
      }
      if (error.body.field !== "code") throw error;
      return notRun(error.message.replace(/\.$/, ""));
    }
  };
  return {
    name,
    description,
    parameters: PARAMETERS,
    execute,
    forAiSdk: (jsonSchema) => ({
      description,
      inputSchema: jsonSchema(PARAMETERS),
      execute: (input, { abortSignal }) => execute(input, { signal: abortSignal }),
      toModelOutput: aiSdkOutput,
    }),
    openai: {
      definition: { type: "function", name, description, parameters: PARAMETERS, strict: true },
      output: async (call, options) => {
        const { text, images } = await execute(parsed(call.arguments), options);
        const pictures = images.map(({ media_type, base64 }) => ({
          type: "input_image" as const,
          image_url: `data:${media_type};base64,${base64}`,
          detail: "auto" as const,
        }));
        return {
          type: "function_call_output",
          call_id: call.call_id,
          output: [{ type: "input_text", text }, ...pictures],
        };
      },
    },
    anthropic: {
      definition: { name, description, input_schema: PARAMETERS },
      result: async (use, options) => {
        const { text, images } = await execute(use.input, options);
        const pictures = images.map(({ media_type, base64 }) => ({
          type: "image" as const,
          source: { type: "base64" as const, media_type, data: base64 },
        }));
        return { type: "tool_result", tool_use_id: use.id, content: [{ type: "text", text }, ...pictures] };
      },
    },
  };
}

function aiSdkOutput(given: { output: ToolAnswer }): AiSdkOutput<"image-data">;
function aiSdkOutput(given: ToolAnswer): AiSdkOutput<"media">;
function aiSdkOutput(given: ToolAnswer | { output: ToolAnswer }): AiSdkOutput<"image-data" | "media"> {
  const isLater = "output" in given;
  const { text, images } = isLater ? given.output : given;
  const type = isLater ? "image-data" : "media";
  const pictures = images.map(({ media_type, base64 }) => ({ type, data: base64, mediaType: media_type } as const));
  return { type: "content", value: [{ type: "text", text }, ...pictures] };
}

function notRun(why: string): ToolAnswer {
  return { text: `Nothing was run: ${why}.`, images: [] };
}

/** A model may write anything. */
function codeOf(given: unknown): string | null {
  return given instanceof Object && "code" in given && typeof given.code === "string" ? given.code : null;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
