/**
 * A copilot that runs code: `npx -y deno run -A examples/copilot.ts`, beside `npx -y deno task start`. Its model is a mock
 * that answers one question, so that it needs no account: put yours in its place.
 */
import { createClient } from "@supabase/supabase-js";
import { generateText, isStepCount, jsonSchema } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { codeTool, executionContexts } from "execution-contexts-client";

const url = Deno.env.get("API_URL") ?? "http://127.0.0.1:54321";
const key = Deno.env.get("PUBLISHABLE_KEY") ?? "sb_publishable_local_development_only";
const [question = "What is the mean of the squares of 1 to 10?"] = Deno.args;

const supabase = createClient(url, key);
const { error } = await supabase.auth.signInAnonymously();
if (error) throw error;
// In an app: the chat's id, and the branch of it that the user looks at.
const path = executionContexts(supabase).path({ conversation_id: crypto.randomUUID(), path_id: "main" });

const { text, steps } = await generateText({
  model: mock(),
  instructions: "Answer by running Python where that helps.",
  prompt: question,
  tools: { run_code: codeTool(path).forAiSdk(jsonSchema<{ code: string }>) },
  stopWhen: isStepCount(10),
});
for (const result of steps.flatMap(({ toolResults }) => toolResults)) {
  if (!result.dynamic) console.log(`> ${result.input.code}\n${result.output.text}\n`);
}
console.log(text);
await path.terminate();
await supabase.auth.signOut();

/** It runs code, and then says what came of it. */
function mock() {
  const usage = {
    inputTokens: { total: 0, noCache: 0, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 0, text: 0, reasoning: 0 },
  };
  const input = JSON.stringify({ code: "sum(n * n for n in range(1, 11)) / 10" });
  return new MockLanguageModelV4({
    doGenerate: ({ prompt }) => {
      const last = prompt.at(-1);
      const said = last?.role === "tool" ? JSON.stringify(last.content).match(/"text":"(.*?)"/)?.[1] : undefined;
      return Promise.resolve({
        content: said === undefined
          ? [{ type: "tool-call", toolCallId: "1", toolName: "run_code", input }]
          : [{ type: "text", text: `It is ${said}.` }],
        finishReason: { unified: said === undefined ? "tool-calls" : "stop", raw: undefined },
        usage,
        warnings: [],
      });
    },
  });
}
