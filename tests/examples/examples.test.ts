/** The examples do what they say, against the local stack. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { bundle } from "../../local/bundle.ts";
import { startBrowser } from "../browser/browser.ts";
import { newProject } from "../client/project.ts";
import { needing } from "../support/needs.ts";
import { runIn } from "../support/npm.ts";
import { shared } from "../support/shared.ts";
import { useStack } from "../support/stack.ts";

const local = useStack();
const { met, test: nodeTest } = await needing("Node.js");
const { test: bunTest } = await needing("Node.js", "Bun");
const { test: browserTest } = await needing("Node.js", "chromium");

const EXAMPLES = new URL("../../examples/", import.meta.url);
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const environment = () => ({ API_URL: local.stack.apiUrl, PUBLISHABLE_KEY: local.stack.publishableKey });

const project = shared(async (parts) => met ? await newProject(parts, EXAMPLES, ["script.mjs"]) : "");

Deno.test("copilot.ts: a model runs code, and answers from what came of it, in less than 60 lines", async () => {
  const printed = await runIn(ROOT, Deno.execPath(), ["run", "-A", "examples/copilot.ts"], environment());
  assert.equal(printed, "> sum(n * n for n in range(1, 11)) / 10\n38.5\n\nIt is 38.5.\n");
  assert((await Deno.readTextFile(new URL("copilot.ts", EXAMPLES))).trimEnd().split("\n").length < 60);
});

for (const [runtime, test, command] of [["Node", nodeTest, "node"], ["Bun", bunTest, "bun"]] as const) {
  test(`script.mjs, on ${runtime}: files in, words as they come, a file out`, async () => {
    const printed = await runIn(project(), command, ["script.mjs"], environment());
    assert.equal(printed, "May 40\nJune 2\ntotal 42\n");
    assert.equal(await Deno.readTextFile(`${project()}/report.json`), '{"total": 42}');
  });
}

browserTest("page.html: a page without a build runs code, and stops it", async () => {
  await using parts = new AsyncDisposableStack();
  const html = await Deno.readTextFile(new URL("page.html", EXAMPLES));
  const site = parts.adopt(
    Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => new Response(html, { headers: { "content-type": "text/html; charset=utf-8" } }),
    ),
    (server) => server.shutdown(),
  );
  const browser = parts.adopt(await startBrowser(), ({ stop }) => stop());
  const page = await (await browser.openProfile()).newPage();
  // In the place of the network, this machine: the page gets the modules that its import map names.
  const asked: string[] = [];
  await page.route("https://esm.sh/**", async (route) => {
    const name = new URL(route.request().url()).pathname.slice(1).replace(/@[\d.]+$/, "");
    asked.push(name);
    const entry = `${project()}/${name.replace("/", "-")}.js`;
    await Deno.writeTextFile(entry, `export * from "${name}";`);
    const module = `${entry}.bundled.js`;
    await bundle(entry, module, ["--platform=browser", "--node-modules-dir=manual"], project());
    const headers = { "access-control-allow-origin": "*", "content-type": "text/javascript" };
    await route.fulfill({ body: await Deno.readTextFile(module), headers });
  });
  const { apiUrl, publishableKey } = local.stack;
  const query = new URLSearchParams({ url: apiUrl, key: publishableKey });
  await page.goto(`http://127.0.0.1:${site.addr.port}/?${query}`);
  const output = page.locator("output");
  await page.getByRole("button", { name: "Run" }).click();
  await output.filter({ hasText: /^0\n1\n2\n42$/ }).waitFor();
  assert.deepEqual(asked.sort(), ["@supabase/supabase-js", "execution-contexts-client"]);

  await page.getByLabel("Code").fill("x = 41\nimport time\nprint('begun')\nwhile True: time.sleep(0.1)");
  await page.getByRole("button", { name: "Run" }).click();
  await output.filter({ hasText: "begun" }).waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await output.filter({ hasText: "Stopped." }).waitFor();
  await page.getByLabel("Code").fill("x + 1");
  await page.getByRole("button", { name: "Run" }).click();
  await output.filter({ hasText: /^42$/ }).waitFor();
});
