/** Models that run code, by the AI SDK of each version, and in the shapes of OpenAI and Anthropic. */
import * as ai from "ai";
import { MockLanguageModelV4 } from "ai/test";
import * as ai5 from "ai-5";
import { MockLanguageModelV2 } from "ai-5/test";
import * as ai6 from "ai-6";
import { MockLanguageModelV3 } from "ai-6/test";
import assert from "node:assert/strict";
import { codeTool, executionContexts } from "../../client/mod.ts";
import { newPath, user } from "../support/clients.ts";
import { useStack } from "../support/stack.ts";

const local = useStack();

async function newTool() {
  const path = executionContexts(await user(local.stack)).path(newPath());
  return { path, tool: codeTool(path, { about: "The table is in data.csv." }) };
}

/** A picture of one point, shown as Jupyter shows one, and a line before it. */
const POINT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const CODE = `import base64
class Picture:
    def _repr_png_(self): return base64.b64decode("${POINT}")
print("drawn")
Picture()`;

const call = {
  type: "tool-call",
  toolCallId: "call-1",
  toolName: "run_code",
  input: JSON.stringify({ code: CODE }),
} as const;
const said = { type: "text", text: "There it is." } as const;
/** As the later versions want them. */
const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};
const reason = (unified: "tool-calls" | "stop") => ({ unified, raw: undefined });

/** What the model was told of the tool's call, when it was asked again. */
function toldIn(
  prompts: readonly { readonly prompt: readonly { readonly role: string; readonly content: unknown }[] }[],
) {
  const message = prompts.at(-1)?.prompt.find(({ role }) => role === "tool");
  return JSON.stringify(message?.content);
}

Deno.test("the AI SDK's version 7 runs it, and shows the model text and picture", async () => {
  const { tool } = await newTool();
  const model = new MockLanguageModelV4({
    doGenerate: [
      { content: [call], finishReason: reason("tool-calls"), usage, warnings: [] },
      { content: [said], finishReason: reason("stop"), usage, warnings: [] },
    ],
  });
  const { text } = await ai.generateText({
    model,
    prompt: "Draw a point.",
    tools: { run_code: tool.forAiSdk(ai.jsonSchema<{ code: string }>) },
    stopWhen: ai.isStepCount(3),
  });
  assert.equal(text, "There it is.");
  const told = toldIn(model.doGenerateCalls);
  assert(told.includes('{"type":"text","text":"drawn"}') && told.includes(POINT) && told.includes("image/png"), told);
  const [offered] = model.doGenerateCalls[0]?.tools ?? [];
  assert(offered?.type === "function");
  assert.deepEqual(offered.inputSchema, { ...tool.parameters });
  assert.match(offered.description ?? "", /Python.*data\.csv/);
});

Deno.test("the AI SDK's version 6 runs it, and shows the model text and picture", async () => {
  const { tool } = await newTool();
  const model = new MockLanguageModelV3({
    doGenerate: [
      { content: [call], finishReason: reason("tool-calls"), usage, warnings: [] },
      { content: [said], finishReason: reason("stop"), usage, warnings: [] },
    ],
  });
  const { text } = await ai6.generateText({
    model,
    prompt: "Draw a point.",
    tools: { run_code: tool.forAiSdk(ai6.jsonSchema<{ code: string }>) },
    stopWhen: ai6.stepCountIs(3),
  });
  assert.equal(text, "There it is.");
  const told = toldIn(model.doGenerateCalls);
  assert(told.includes('{"type":"text","text":"drawn"}') && told.includes(POINT) && told.includes("image/png"), told);
});

Deno.test("the AI SDK's version 5 runs it, and shows the model text and picture", async () => {
  const { tool } = await newTool();
  const usage = { inputTokens: 1, outputTokens: 1, totalTokens: 2 };
  const model = new MockLanguageModelV2({
    doGenerate: [
      { content: [call], finishReason: "tool-calls", usage, warnings: [] },
      { content: [said], finishReason: "stop", usage, warnings: [] },
    ],
  });
  const { text } = await ai5.generateText({
    model,
    prompt: "Draw a point.",
    tools: { run_code: tool.forAiSdk(ai5.jsonSchema<{ code: string }>) },
    stopWhen: ai5.stepCountIs(3),
  });
  assert.equal(text, "There it is.");
  const told = toldIn(model.doGenerateCalls);
  assert(told.includes('{"type":"text","text":"drawn"}') && told.includes(POINT) && told.includes("image/png"), told);
});

Deno.test("an item of OpenAI's Responses API is answered with its output", async () => {
  const { tool } = await newTool();
  assert.equal(tool.openai.definition.parameters.additionalProperties, false);
  const item = { type: "function_call", call_id: "call-1", arguments: JSON.stringify({ code: CODE }) };
  assert.deepEqual(await tool.openai.output(item), {
    type: "function_call_output",
    call_id: "call-1",
    output: [
      { type: "input_text", text: "drawn" },
      { type: "input_image", image_url: `data:image/png;base64,${POINT}`, detail: "auto" },
    ],
  });
});

Deno.test("a block of Anthropic's Messages API is answered with its result", async () => {
  const { tool } = await newTool();
  const block = { type: "tool_use", id: "toolu-1", name: "run_code", input: { code: CODE } };
  assert.deepEqual(await tool.anthropic.result(block), {
    type: "tool_result",
    tool_use_id: "toolu-1",
    content: [
      { type: "text", text: "drawn" },
      { type: "image", source: { type: "base64", media_type: "image/png", data: POINT } },
    ],
  });
});

Deno.test("what the model does wrong, it is told", async () => {
  const { tool } = await newTool();
  for (const input of [{}, null, "code", { code: 1 }]) {
    assert.match((await tool.execute(input)).text, /^Nothing was run: the input must be/);
  }
  const [part] = (await tool.openai.output({ call_id: "c", arguments: "{" })).output;
  assert(part?.type === "input_text" && part.text.startsWith("Nothing was run"));
  assert.equal((await tool.execute({ code: " " })).text, "Nothing was run: code: must not be empty.");
  assert.match((await tool.execute({ code: "1 / 0" })).text, /ZeroDivisionError: division by zero$/);
});

Deno.test("the model is told once that its variables are gone", async () => {
  const { tool, path } = await newTool();
  await tool.execute({ code: "x = 1" });
  await path.terminate();
  const note = "The Python session was restarted: variables defined before are gone. It was ended on request.";
  assert.equal((await tool.execute({ code: "print('next')" })).text, `${note}\n\nnext`);
  assert.equal((await tool.execute({ code: "print('next')" })).text, "next");
});

Deno.test("a call that is aborted stops", async () => {
  const { tool } = await newTool();
  const stop = new AbortController();
  const running = tool.execute({ code: "import time\nwhile True: time.sleep(0.01)" }, { signal: stop.signal });
  setTimeout(() => stop.abort(new Error("stopped")), 300);
  await assert.rejects(running, /stopped/);
  // The kernel is free again.
  assert.equal((await tool.execute({ code: "print('free')" })).text, "free");
});
