import * as z from "zod/mini";
import type { Call } from "../call.ts";
import { answerOf } from "../words/answer.ts";
import { pathField } from "./path_field.ts";
import { run } from "./run.ts";
import { answer, type Tool } from "./tool.ts";
import { MOST_TOKENS } from "./text_budget.ts";

/** What goes back to the model at most: of text in tokens, and pictures. */
const MOST = { maxTokens: MOST_TOKENS, maxImages: 4 };

type Settings = Pick<Call, "config" | "limits">;

const inputOf = ({ config, limits }: Settings) =>
  z.strictObject({
    code: z.string().check(z.describe("The code to run.")),
    language: z.optional(
      z.enum(config.sandbox.languages).check(z.describe("Default python. Each language has variables of its own.")),
    ),
    timeout_seconds: z.optional(
      z.int().check(
        z.minimum(1),
        z.maximum(limits.maxTimeoutSeconds),
        z.describe(`After which it is stopped; default ${limits.timeoutSeconds}.`),
      ),
    ),
    path: pathField,
  });

/** In the languages, and within the times, that the settings have. */
export const runCode = (settings: Settings): Tool<z.infer<ReturnType<typeof inputOf>>> => ({
  name: "run_code",
  title: "Run code",
  description: "Runs code in this conversation's own session, in which variables and files stay from one call to the " +
    "next. Returns what it prints, the value of its last expression, pictures that it shows, and what it raises.",
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  input: inputOf(settings),
  run: async (toolCall, { timeout_seconds, ...fields }) => {
    const timeout_ms = timeout_seconds === undefined ? undefined : timeout_seconds * 1000;
    const { text, images } = answerOf(await run(toolCall, { ...fields, timeout_ms }), MOST);
    return answer(
      [text],
      ...images.map(({ media_type, base64 }) => ({ type: "image" as const, mimeType: media_type, data: base64 })),
    );
  },
});
