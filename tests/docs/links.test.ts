/** Links lead somewhere, and files that are named are there. */
import assert from "node:assert/strict";
import { dirname, join, normalize } from "node:path";
import { isHere, parse, readPages } from "./pages.ts";

/** Where a file that is named may stand: the text says from where. */
const ROOTS = [
  "",
  "supabase/functions/",
  "supabase/functions/_shared/",
  "supabase/migrations/",
  "supabase/tests/database/",
  "tests/attack/",
  "tests/model/",
];

/** Of the reader's own project. */
const THEIRS = ["seed.sql"];

const pages = await readPages();

Deno.test("each relative link leads to a file, and each anchor to a heading", async () => {
  let links = 0;
  for (const page of pages) {
    for (const link of page.links.filter((link) => !/^\w+:/.test(link))) {
      links++;
      const [path, anchor] = link.split("#");
      const target = path === "" ? page.path : normalize(join(dirname(page.path), path));
      assert(await isHere(target), `${page.path}: there is no ${target}`);
      if (anchor === undefined) continue;
      const there = pages.find(({ path }) => path === target);
      assert(there?.anchors.has(anchor), `${page.path}: ${target} has no #${anchor}`);
    }
  }
  console.log(`${links} relative links`);
  assert(links > 50);
});

Deno.test("each page of docs/ can be reached from the README", () => {
  const reached = new Set(["README.md"]);
  for (const path of reached) {
    const { links = [] } = pages.find((page) => page.path === path) ?? {};
    for (const link of links) reached.add(normalize(join(dirname(path), link.split("#")[0])));
  }
  for (const { path } of pages.filter(({ path }) => path.startsWith("docs/"))) assert(reached.has(path), path);
});

Deno.test("each file of ours that a page names is there", async () => {
  for (const { path, names } of pages) {
    for (const name of names.filter((name) => /^[\w./-]+\w\.(ts|sql|pml|mjs)$/.test(name) && !THEIRS.includes(name))) {
      const found = await Promise.all(ROOTS.map((root) => isHere(root + name)));
      assert(found.includes(true), `${path}: there is no ${name}`);
    }
  }
});

Deno.test("a link that leads nowhere would be seen", () => {
  const page = parse(
    "a.md",
    "# A `b` [c](d.md)!\n\n# A\n\n# A\n\n[x](y.md#z) `[no](link)`\n\n```ts\n[q](r)\n```\n\n[u]: v.md\n",
  );
  assert.deepEqual(page.links, ["d.md", "y.md#z", "v.md"]);
  assert.deepEqual([...page.anchors], ["a-b-c", "a", "a-1"]);
  assert.deepEqual(page.blocks, [{ language: "ts", code: "[q](r)\n", line: 10 }]);
});
