import assert from "node:assert/strict";
import { type RunCodeLanguage, Sandbox } from "@e2b/code-interpreter";
import { e2bTest, ENOUGH_FOR_PYTHON, restartContext, toSandbox } from "./local_server.ts";

async function start(connection: Parameters<Parameters<typeof e2bTest>[1]>[0], language: RunCodeLanguage) {
  const sandbox = await Sandbox.create(connection);
  const run = (code: string, envs?: Record<string, string>) => sandbox.runCode(code, { language, envs });
  return { sandbox, run };
}

e2bTest("JavaScript keeps variables and shows the last value", async (connection) => {
  const { run } = await start(connection, "javascript");
  assert.equal((await run("const x = await Promise.resolve(41); let y = 1; x + y")).text, "42");
  assert.equal((await run("const x = 'again'; class A {}; x")).text, "again");
  const object = await run("y += 1; ({ x, y: [y] })");
  assert.equal(object.text, "{ x: 'again', y: [ 2 ] }");
  assert.deepEqual(object.results[0]?.json, { x: "again", y: [2] });
  assert.equal(object.results[0]?.isMainResult, true);
  assert.equal(object.executionCount, 3);
  assert.equal((await run("typeof A + new Date(0).getTime()")).text, "function0");
  assert.equal((await run("new Map([[1, 2n]])")).results[0]?.json, undefined);
  assert.deepEqual((await run("y = undefined")).results, []);
  assert.equal((await run("require('node:path').join('a', 'b')")).text, "a/b");
  assert.equal((await run("(await import('node:path')).sep + process.cwd()")).text, "//home/user");
});

e2bTest("a console speaks as it happens, to stdout and stderr", async (connection) => {
  const { sandbox } = await start(connection, "js");
  const { promise: first, resolve: onStdout } = Promise.withResolvers<{ line: string }>();
  const endless = sandbox.runCode("console.log('naïve 😀', { a: 1 }); await new Promise(() => {})", {
    language: "js",
    onStdout,
  });
  endless.catch(() => {});
  assert.equal((await first).line, "naïve 😀 { a: 1 }\n");
  await sandbox.kill();
  await assert.rejects(endless);

  const { run } = await start(connection, "js");
  const { logs } = await run("console.info(1); console.error('e'); console.warn('w'); process.stdout.write('raw');");
  assert.deepEqual(logs, { stdout: ["1\n", "raw"], stderr: ["e\n", "w\n"] });
  const long = await run("console.log('x'.repeat(20_000_000))");
  assert.equal(long.logs.stdout.join("").length, 20_000_001);
});

e2bTest("what JavaScript throws is an error with a traceback", async (connection) => {
  const { run } = await start(connection, "javascript");
  const { error } = await run("function deep() { throw new TypeError('bad') }\ndeep()");
  assert.deepEqual([error?.name, error?.value], ["TypeError", "bad"]);
  assert.equal(error?.traceback, "TypeError: bad\n    at deep (<anonymous>:1:25)\n    at <anonymous>:2:1");
  const syntax = await run("let 1");
  assert.equal(syntax.error?.name, "SyntaxError");
  assert.match(syntax.error?.traceback ?? "", /<anonymous>:1:5$/);
  assert.equal((await run("await Promise.reject(new RangeError('later'))")).error?.name, "RangeError");
  assert.equal((await run("throw { code: 5 }")).error?.value, "{ code: 5 }");
  const lost = await run(
    "Promise.reject(new Error('lost')); await new Promise((resolve) => setTimeout(resolve, 5)); 'on'",
  );
  assert.equal(lost.text, "on");
  assert.match(lost.logs.stderr.join(""), /Error: lost/);
});

e2bTest("TypeScript is JavaScript without its types, in a kernel of its own", async (connection) => {
  const { sandbox, run } = await start(connection, "ts");
  assert.equal(
    (await run("interface I { a: number }\nconst x: I = { a: await Promise.resolve(1) }; x")).text,
    "{ a: 1 }",
  );
  assert.equal((await run("enum E { A = 'a' }\nE.A + x.a")).text, "a1");
  assert.equal((await run("let y: = 3")).error?.name, "SyntaxError");
  assert.equal((await sandbox.runCode("typeof x", { language: "javascript" })).text, "undefined");
  assert.equal((await sandbox.runCode("1")).text, "1");

  const contexts = await sandbox.listCodeContexts();
  assert.deepEqual(contexts.map((context) => context.language), ["python", "javascript", "typescript"]);
  const context = await sandbox.createCodeContext({ language: "javascript", cwd: "/work" });
  assert.equal(context.language, "javascript");
  assert.equal((await sandbox.runCode("typeof y + process.cwd()", { context })).text, "undefined/work");
  await run("var kept = 1");
  await restartContext(connection, sandbox, contexts[2]?.id);
  const fresh = await run("typeof kept");
  assert.deepEqual([fresh.text, fresh.executionCount], ["undefined", 1]);
});

e2bTest("static imports are there for later cells", async (connection) => {
  const { sandbox, run } = await start(connection, "javascript");
  const cells: [code: string, text: string | undefined][] = [
    ['import assert from "node:assert"\nassert.equal(1, 1); typeof assert', "function"],
    ["assert.equal.name", "equal"],
    ['import * as path from "path"; path.sep', "/"],
    ['import { join, basename as base } from "node:path";\njoin("a", base("b/c"))', "a/c"],
    ['import posix, { sep } from "node:path"\n[posix.sep, sep].join()', "/,/"],
    ['import whole, * as all from "node:path"\nall.default === whole', "true"],
    ['import { "sep" as named } from "node:path"\nnamed', "/"],
    ['import "node:path"', undefined],
    ['import { x } from "data:text/javascript,export const x = 5"; x', "5"],
    ["'import a from \"b\"'.length + (await import('node:path')).sep", "17/"],
    ["const again = 1\nimport again2 from 'node:path'\nagain", "1"],
  ];
  for (const [code, text] of cells) {
    const execution = await run(code);
    assert.deepEqual([execution.text, execution.error], [text, undefined], code);
  }
  const thrown = await run('import {\n  sep,\n} from "node:path"\nthrow new Error("here")');
  assert.match(thrown.error?.traceback ?? "", /<anonymous>:4:7$/);

  const types = 'import type { A } from "nowhere"\nimport { type ParsedPath, parse } from "node:path"\n';
  const typescript = await sandbox.runCode(`${types}const p: ParsedPath = parse("a/b.c"); p.ext`, { language: "ts" });
  assert.deepEqual([typescript.text, typescript.error], [".c", undefined]);
});

e2bTest("what cannot be imported is refused in words, before any of the cell runs", async (connection) => {
  const { run } = await start(connection, "javascript");
  for (const name of ["lodash", "npm:lodash", "./mine.js", "https://esm.sh/preact", "jsr:@std/path"]) {
    const { error, logs } = await run(`console.log("ran")\nimport x from "${name}"`);
    assert.match(error?.value ?? "", /^Cannot import ".*": this sandbox's JavaScript has the modules of Node/, name);
    assert.deepEqual(logs.stdout, [], name);
  }
  const missing = await run('import { nothing } from "node:path"');
  assert.equal(missing.error?.name, "SyntaxError");
  assert.equal(
    missing.error?.value,
    'The requested module "node:path" does not provide an export named "nothing"',
  );
  assert.equal((await run('import { from "node:path"')).error?.name, "SyntaxError");
});

e2bTest("JavaScript's environment variables are spliced into the code, quotes and all", async (connection) => {
  const sandbox = await Sandbox.create({ ...connection, envs: { GLOBAL: "g", BOTH: "global" } });
  const run = (code: string, envs?: Record<string, string>) => sandbox.runCode(code, { language: "ts", envs });
  // Without the semicolon JavaScript would take it for an index of the line
  // above, as it would in E2B's kernel.
  const read = ";[process.env.GLOBAL, process.env.BOTH, process.env.OWN].join()";
  assert.equal((await run(read, { OWN: "own", BOTH: "own" })).text, "g,own,own");
  const after = await run(read);
  assert.deepEqual([after.text, after.executionCount], ["g,global,", 2]);
  assert.equal((await run("process.env.K", { K: "'.length + 'x" })).text, "0x");
  assert.equal((await run("1", { K: "it's" })).error?.name, "SyntaxError");
});

e2bTest("a client that hangs up gets a JavaScript kernel free", async (connection, server) => {
  const { sandbox, run } = await start(connection, "javascript");
  await run("var x = 'kept'");
  const cells: [code: string, kept: string][] = [
    ["await new Promise(() => {})", "kept"],
    ["for (;;) await new Promise((resolve) => setTimeout(resolve))", "kept"],
    ["while (true) {}", "undefined"],
    ["while (true) console.log('flood')", "undefined"],
  ];
  for (const [cell, kept] of cells) {
    const { body } = await toSandbox(server, sandbox.sandboxId, "/execute", {
      body: { code: `console.log("started")\n${cell}`, language: "javascript" },
    });
    assert.ok(body);
    for await (const text of body.pipeThrough(new TextDecoderStream())) if (text.includes("started")) break;
    assert.equal((await run("String(globalThis.x)")).text, kept, cell);
  }
});

e2bTest("a JavaScript kernel that ends is started anew", async (connection) => {
  const { sandbox, run } = await start(connection, "javascript");
  for (const death of ["process.exit(3)", "Deno.exit()", "close()", "process.exitCode = 1; process.exit()"]) {
    await run("var x = 1");
    assert.equal((await run(death)).error?.name, "ContextRestarting", death);
    assert.equal((await run("typeof x")).text, "undefined", death);
  }
  const { promise: started, resolve: onStdout } = Promise.withResolvers<unknown>();
  const loop = sandbox.runCode("console.log('started'); while (true) {}", { language: "javascript", onStdout });
  await started;
  const contexts = await sandbox.listCodeContexts();
  await restartContext(connection, sandbox, contexts.find((context) => context.language === "javascript")?.id);
  assert.equal((await loop).error?.name, "ContextRestarting");
  assert.equal((await run("1")).executionCount, 1);
});

/** The one meets V8's own limit, the other, which is outside of V8's heap, the watchdog's. */
const BOMBS = [
  { grow: "new Array(1e6).fill(hoard.length)", options: {} },
  { grow: "new Uint8Array(1e8).fill(1)", options: { memoryLimitBytes: ENOUGH_FOR_PYTHON } },
];
for (const { grow, options } of BOMBS) {
  e2bTest(`a JavaScript memory bomb costs its own kernel only: ${grow}`, async (connection) => {
    const { sandbox, run } = await start(connection, "javascript");
    await sandbox.runCode("x = 1");
    const { error } = await run(`var hoard = []; while (true) hoard.push(${grow})`);
    // Without /proc there is no watchdog, and typed arrays meet V8's own limit.
    if (Deno.build.os === "linux") assert.equal(error?.name, "ContextRestarting");
    assert.equal((await run("1")).text, "1");
    assert.equal((await sandbox.runCode("x")).text, "1");
  }, options);
}
