/** docs/operating.md has nothing that no test tries. */
import assert from "node:assert/strict";
import { DOCUMENT, headingsUnder } from "./document.ts";

Deno.test("each recipe, and each query that alerts, is in a test", async () => {
  const tests: string[] = [];
  // What needs the real pg_cron is tried there.
  for (const directory of [new URL(".", import.meta.url), new URL("../platform/", import.meta.url)]) {
    for await (const { name } of Deno.readDir(directory)) {
      if (name.endsWith(".test.ts")) tests.push(await Deno.readTextFile(new URL(name, directory)));
    }
  }
  const headings = [...await headingsUnder("Alerts"), ...await headingsUnder("Recipes")];
  assert(headings.length > 10);
  // By the name of a test, or by where it takes the heading's code from.
  for (const heading of headings) assert(tests.some((text) => text.includes(`"${heading}`)), heading);
});

Deno.test("its links lead to its headings", async () => {
  const text = await Deno.readTextFile(DOCUMENT);
  const anchors = [...text.matchAll(/^##+ (.+)$/gm)].map(([, heading]) =>
    heading.toLowerCase().replaceAll(/[^\w\s-]/g, "").replaceAll(" ", "-")
  );
  for (const [, anchor] of text.matchAll(/\]\(#([^)]+)\)/g)) assert(anchors.includes(anchor), anchor);
});
