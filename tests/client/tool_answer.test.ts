/** What a model reads of an execution, within its budget. */
import assert from "node:assert/strict";
import type { ExecuteResult } from "../../client/mod.ts";
import { answerOf } from "../../supabase/functions/_shared/words/answer.ts";

const ENOUGH = { maxTokens: 4_000, maxImages: 4 };

function result(execution: Partial<ExecuteResult["execution"]>, stateNote: string | null = null): ExecuteResult {
  const whole = {
    status: "ok" as const,
    results: [],
    stdout: "",
    stderr: "",
    error: null,
    execution_count: 1,
    duration_ms: 1,
    truncated: null,
    kernel_restarted: false,
    outputs: [],
    ...execution,
  };
  const context = {
    id: "a",
    conversation_id: "chat",
    path_id: "main",
    ttl_seconds: 60,
    created_at: "",
    last_used_at: "",
    expires_at: "",
    kept_until: "",
  };
  return {
    context,
    was_created: false,
    was_resumed: false,
    forked_from: null,
    state_id: "s",
    lost: null,
    previous: null,
    execution_id: "e",
    replayed: false,
    execution: whole,
    stateNote,
  };
}

const shown = (formats: Record<string, unknown>) => ({ is_main_result: true, ...formats });

function textOf(execution: Partial<ExecuteResult["execution"]>, stateNote: string | null = null): string {
  return answerOf(result(execution, stateNote), ENOUGH).text;
}

Deno.test("what was printed comes first, then what was shown", () => {
  assert.equal(textOf({ stdout: "said\n", results: [shown({ text: "42" })] }), "said\n42");
  assert.equal(textOf({ stderr: "careful\n" }), "stderr:\ncareful");
  assert.equal(textOf({}), "The code ran, and said nothing.");
});

Deno.test("tables are Markdown's", () => {
  const html = `<div><style>td {}</style><table border="1" class="dataframe"><thead><tr style="text-align: right;">
    <th></th><th>name</th><th>n</th></tr></thead><tbody><tr><th>0</th><td>a &lt; b | c</td><td>1</td></tr>
    <tr><th>1</th><td><b>d</b></td></tr></tbody></table></div>`;
  const expected = "|  | name | n |\n| --- | --- | --- |\n| 0 | a < b \\| c | 1 |\n| 1 | d |  |";
  assert.equal(textOf({ results: [shown({ text: "   name  n", html })] }), expected);
  assert.equal(textOf({ results: [shown({ text: "plain", html: "<b>plain</b>" })] }), "plain");
});

Deno.test("pictures are pictures, as many as may be", () => {
  const results = Array.from({ length: 3 }, (_, i) => shown({ text: "<Figure>", png: `p${i}\n` }));
  const { text, images } = answerOf(result({ results }), { maxTokens: 100, maxImages: 2 });
  assert.deepEqual(images, [0, 1].map((i) => ({ media_type: "image/png", base64: `p${i}` })));
  assert.equal(text, "[a picture, left out]");
  const [only] = results;
  assert(only);
  assert.equal(textOf({ results: [only] }), "The code showed what is in the picture.");
});

Deno.test("files that came back are named, and pictures among them shown", () => {
  const file = { status: "ok" as const, path: "a.png", media_type: "image/png", bytes: 3, content_base64: "abcd" };
  const outputs = [file, { status: "missing" as const, path: "b.csv" }];
  const { text, images } = answerOf(result({ outputs }), ENOUGH);
  assert.equal(text, "File a.png: 3 bytes.\nFile b.csv: missing.");
  assert.deepEqual(images, [{ media_type: "image/png", base64: "abcd" }]);
});

Deno.test("of what was raised the end is kept", () => {
  const lines = Array.from({ length: 1000 }, (_, i) => `  File "module.py", line ${i}`).join("\n");
  const traceback = `\x1b[31mTraceback (most recent call last)\x1b[0m\n${lines}\nZeroDivisionError: division by zero`;
  const error = { name: "ZeroDivisionError", value: "division by zero", traceback };
  const { text } = answerOf(result({ status: "error", error, stdout: "before\n" }), { maxTokens: 100, maxImages: 1 });
  assert(text.length <= 400, `${text.length}`);
  assert.match(text, /^before\n\n…\n {2}File "module\.py", line 9\d\d\n/);
  assert(text.endsWith("line 999\nZeroDivisionError: division by zero"));
  assert(!text.includes("\x1b"));
  const short = { name: "TypeError", value: "no", traceback: "    at <cell>:1" };
  assert.equal(textOf({ status: "error", error: short }), "    at <cell>:1\nTypeError: no");
});

Deno.test("how it ended, and what was left out, is said in words", () => {
  assert.equal(textOf({ status: "timed_out", stdout: "half\n" }), "half\n\nThe code ran out of time and was stopped.");
  assert.match(textOf({ status: "cancelled" }), /stopped by the user/);
  const truncated = { stdout: 900, stderr: 100, results: 2 };
  assert.equal(
    textOf({ stdout: "x", truncated }),
    "x\n\nLeft out: 1000 characters of output and 2 results. Print less, or write to a file.",
  );
});

Deno.test("lost state comes first, and is never cut", () => {
  const note = "The Python session was restarted: variables defined before are gone.";
  const stdout = Array.from({ length: 5000 }, (_, i) => `line ${i}`).join("\n");
  const { text } = answerOf(result({ stdout }, note), { maxTokens: 100, maxImages: 1 });
  assert(text.startsWith(`${note}\n\nline 0\n`));
  assert(text.length <= 400, `${text.length}`);
  assert.match(text, /\n\[… \d+ characters left out …\]\n/);
  assert(text.endsWith("line 4999"));
});
