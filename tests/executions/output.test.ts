/** What code says: all of what may be kept, in order, and never so much that it harms the function. */
import assert from "node:assert/strict";
import type { ExecutionResult } from "../../supabase/functions/_shared/contract/execute_code.ts";
import { stream, text } from "../support/event_stream.ts";
import { useFaultyStack } from "../support/faulty_stack.ts";
import { growthOf } from "../support/resident.ts";
import { useNotebook } from "../support/notebook.ts";

const faulty = useFaultyStack({ env: { SANDBOX_LANGUAGES: "python,javascript,typescript,java" } });

const notebook = useNotebook(faulty);

Deno.test("every format comes back, in the order in which it was shown", async () => {
  const { run } = await notebook();
  const formats = {
    "text/plain": "plain",
    "text/html": "<b>html</b>",
    "text/markdown": "**markdown**",
    "image/svg+xml": "<svg/>",
    "image/png": btoa("png"),
    "image/jpeg": btoa("jpeg"),
    "application/pdf": btoa("pdf"),
    "text/latex": "\\latex",
    "application/json": { json: [1, null, { deep: true }] },
    "application/javascript": "javascript()",
    // What the template makes of data frames and of matplotlib's figures.
    "e2b/data": { column: [1, 2] },
    "e2b/chart": { type: "line", title: "chart", elements: [{ label: "a", points: [[0, 1]] }] },
    "application/x-of-the-future": "kept too",
  };
  const { results } = await run(`
import json
formats = json.loads(${JSON.stringify(JSON.stringify(formats))})
for mime, data in formats.items():
    display({mime: data}, raw=True)
display(formats, raw=True)
"last"`);
  const kept = ({ is_main_result: _, ...rest }: ExecutionResult) =>
    Object.fromEntries(Object.entries(rest).filter(([, value]) => JSON.stringify(value) !== "{}"));
  const fields = {
    text: "plain",
    html: "<b>html</b>",
    markdown: "**markdown**",
    svg: "<svg/>",
    png: btoa("png"),
    jpeg: btoa("jpeg"),
    pdf: btoa("pdf"),
    latex: "\\latex",
    json: formats["application/json"],
    javascript: "javascript()",
    data: formats["e2b/data"],
    chart: formats["e2b/chart"],
    extra: { "application/x-of-the-future": "kept too" },
  };
  assert.deepEqual(results.map(kept), [
    ...Object.entries(fields).map(([name, value]) => ({ [name]: value })),
    fields,
    { text: "last" },
  ]);
  assert.deepEqual(
    results.map((result) => result.is_main_result),
    results.map((_, index) => index === results.length - 1),
  );
});

Deno.test("an exception has its name, its value and its traceback", async () => {
  const { run } = await notebook();
  const { error, status } = await run(
    "def f(): raise KeyError('x')\ntry:\n    f()\nexcept KeyError as e:\n    raise ValueError('žx') from e",
  );
  assert.equal(status, "error");
  assert.deepEqual([error?.name, error?.value], ["ValueError", "žx"]);
  assert.match(error?.traceback ?? "", /KeyError[^]*direct cause[^]*ValueError/);
});

Deno.test("each language has a kernel of its own, which keeps its variables", async () => {
  const { run } = await notebook();
  await run("const x: number = 20", { language: "typescript" });
  await run("const x = 10", { language: "javascript" });
  await run("x = 1");
  const texts = [];
  for (const language of ["python", "javascript", "typescript"]) {
    texts.push((await run("x + 1", { language })).results[0].text);
  }
  assert.deepEqual(texts, ["2", "11", "21"]);
});

Deno.test("a language that the template does not have after all is an error that can be told", async () => {
  const { run } = await notebook();
  const execution = await run("1", { language: "java" });
  assert.deepEqual([execution.status, execution.execution_count], ["error", null]);
  assert.match(execution.error?.value ?? "", /'java'.* python/);
});

for (const [name, line] of [["short lines", 80], ["one line", 500 * 2 ** 20]] as const) {
  Deno.test(`500 MB in ${name} neither fail the request nor fill the function's memory, nor are they read`, async () => {
    const { run } = await notebook();
    const [{ pid }] = faulty.stack.functions.processes;
    const code = line === 80
      ? "line = 'x' * 79 + '\\n'\nfor n in range(500): print(line * 13108, end='')"
      : "import sys\nfor n in range(500): sys.stdout.write('x' * 2 ** 20)";
    const { answer: execution, before, grown } = await growthOf(pid, () => run(code));
    assert.equal(execution.status, "output_limit");
    assert(execution.truncated && execution.truncated.stdout < 10_000_000, JSON.stringify(execution.truncated));
    assert(execution.truncated.stdout > 5_000_000, JSON.stringify(execution.truncated));
    assert(execution.stdout.length < 21_000 && /x\n?$/.test(execution.stdout));
    assert.equal((await run("n < 499")).results[0].text, "True");
    console.log(`the function's process grew by ${grown} MiB, from ${before}`);
    assert(grown < 64, `the function's process grew by ${grown} MiB`);
  });
}

Deno.test("so much that just all of it is read is no trouble", async () => {
  const { run } = await notebook();
  const execution = await run("line = 'x' * 79 + '\\n'\nfor _ in range(9): print(line * 12500, end='')\nprint('tail')");
  assert.equal(execution.status, "ok");
  assert.deepEqual(execution.truncated, { stdout: 9_000_005 - 20_000, stderr: 0, results: 0 });
  assert(execution.stdout.endsWith("x\ntail\n"));
});

Deno.test("a reader who does not read does not fill the function's memory either", async () => {
  const { client, path, run } = await notebook();
  await run("big = 'x' * 500_000");
  const [{ pid }] = faulty.stack.functions.processes;
  const { answer: all, grown } = await growthOf(pid, async () => {
    const events = await stream(client, {
      ...path,
      code: "for _ in range(7): display({'text/html': big}, raw=True)\n'done'",
    });
    return await events.rest();
  });
  assert.equal(all.filter(({ event }) => event === "result").length, 8);
  assert.equal(text(all, "stdout"), "");
  assert(grown < 96, `the function's process grew by ${grown} MiB`);
});
