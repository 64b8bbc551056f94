/** What the pages show as code has the right types, runs against a local stack, and comes to what its comments say. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { REPOSITORY } from "../../local/repository.ts";
import { shared } from "../support/shared.ts";
import { useStack } from "../support/stack.ts";
import { assemble } from "./assemble.ts";
import { GIVEN } from "./given.ts";
import { readPages } from "./pages.ts";

const CONFIG = join(REPOSITORY, "deno.json");

const local = useStack();
const folder = shared(async (parts) => {
  const path = parts.adopt(await Deno.makeTempDir(), (made) => Deno.remove(made, { recursive: true }));
  for (const { file, module } of modules) await Deno.writeTextFile(join(path, file), module);
  return path;
});

const pages = await readPages();
const modules = pages.flatMap((page) => {
  const assembled = assemble(page, GIVEN[page.path]);
  return assembled ? [{ ...assembled, path: page.path, file: `${page.path.replaceAll(/\W/g, "_")}.ts` }] : [];
});

/** Deno, in a process of its own, that must succeed. Returns what it prints. */
async function deno(args: string[], env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: folder(),
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  assert.equal(code, 0, text.decode(stdout) + text.decode(stderr));
  return text.decode(stdout);
}

Deno.test("what is given is given to a page that has code", () => {
  for (const path of Object.keys(GIVEN)) assert(modules.some((module) => module.path === path), path);
});

Deno.test("their types are right", async () => {
  await deno(["check", "--frozen", "--config", CONFIG, ...modules.map(({ file }) => file)]);
});

for (const { path, file, printed } of modules) {
  Deno.test(`${path} does what it says`, async () => {
    const { apiUrl, publishableKey, secretKey, databaseUrl } = local.stack;
    const env = { API_URL: apiUrl, PUBLISHABLE_KEY: publishableKey, SECRET_KEY: secretKey, DB_URL: databaseUrl };
    const command = GIVEN[path]?.isTest ? ["test"] : ["run"];
    const output = await deno([...command, "-A", "--no-check", "--frozen", "--config", CONFIG, file], env);
    // Deno breaks what is long into lines.
    const said = output.replaceAll(/\s+/g, " ");
    let from = 0;
    for (const piece of printed) {
      const at = said.indexOf(piece, from);
      assert(at >= 0, `it does not print ${piece}, or not in its turn:\n${output}`);
      from = at + piece.length;
    }
  });
}

Deno.test("json is JSON", () => {
  for (const { blocks } of pages) for (const { language, code } of blocks) if (language === "json") JSON.parse(code);
});

Deno.test("a page whose code is wrong would be seen", () => {
  const code = [
    'console.log(f("a")); // 42, or more, …',
    'await path.execute("x"); // 41, as before',
    "const { note } = await g();\n// Gone.",
    "await service.rpc();\n// [{ a, b: { c }, d }]",
  ];
  const blocks = code.map((code) => ({ language: "ts", code: `${code}\n`, line: 1 }));
  const assembled = assemble({ path: "a.md", blocks, links: [], anchors: new Set(), names: [] });
  assert.deepEqual(assembled?.printed, ["42, or more"]);
  for (const line of ['shows(await path.execute("x"), "41")', 'equal(note, "Gone.")', '.rpc(), ["a","b","d"]']) {
    assert(assembled.module.includes(line), assembled.module);
  }
});
