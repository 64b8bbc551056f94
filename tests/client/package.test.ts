/** The npm package of the client, in an empty Node project: on Node, by a bundler in a browser, and its types. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { compilerHost, ts } from "../../client/package/compiler.ts";
import { bundle } from "../../local/bundle.ts";
import { startBrowser } from "../browser/browser.ts";
import { newPath } from "../support/clients.ts";
import { needing } from "../support/needs.ts";
import { runIn } from "../support/npm.ts";
import { shared } from "../support/shared.ts";
import { useStack } from "../support/stack.ts";
import { newProject } from "./project.ts";

/** Of the module, packed, without the parser of event streams. */
const MOST_BYTES = 8_000;

const local = useStack();
const { met, test } = await needing("Node.js");
const { test: browserTest } = await needing("Node.js", "chromium");

const FIXTURES = new URL("./fixtures/", import.meta.url);

/** Somebody's project, in which the package is installed. */
const project = shared(async (parts) =>
  met ? await newProject(parts, FIXTURES, ["consumer.mjs", "consumer.ts", "page.js"]) : ""
);

test("it is small, and brings nothing but a parser of event streams", async () => {
  const folder = join(project(), "node_modules", "execution-contexts-client");
  const module = await Deno.readTextFile(join(folder, "mod.js"));
  const bytes = gzipSync(module, { level: 9 }).length;
  console.log(`${bytes} bytes, gzipped`);
  assert(bytes < MOST_BYTES);
  assert.deepEqual([...module.matchAll(/\bfrom\s*"(.*?)"/g)].map(([, name]) => name), ["eventsource-parser"]);
  const { dependencies } = JSON.parse(await Deno.readTextFile(join(folder, "package.json")));
  assert.deepEqual(Object.keys(dependencies), ["eventsource-parser"]);
});

test("it runs code from Node", async () => {
  const { apiUrl, publishableKey } = local.stack;
  const printed = await runIn(project(), "node", ["consumer.mjs", apiUrl, publishableKey, JSON.stringify(newPath())]);
  assert.equal(printed, "said 42\ntrue invalid_request conversation_id\n");
});

test("its types say what it takes and gives, without any other package's", () => {
  const options = {
    lib: ["lib.esnext.d.ts", "lib.dom.d.ts", "lib.dom.asynciterable.d.ts"],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    noEmit: true,
    strict: true,
    target: ts.ScriptTarget.ES2022,
    types: [],
  };
  const program = ts.createProgram([join(project(), "consumer.ts")], options, compilerHost(options));
  const problems = ts.getPreEmitDiagnostics(program).map(({ messageText }) =>
    ts.flattenDiagnosticMessageText(messageText, "\n")
  );
  assert.deepEqual(problems, []);
  const foreign = program.getSourceFiles().map(({ fileName }) => fileName).filter((name) => /zod|supabase/.test(name));
  assert.deepEqual(foreign, []);
});

browserTest("a bundler takes it into a page, which runs code", async () => {
  await using parts = new AsyncDisposableStack();
  const bundled = join(project(), "bundled.js");
  await bundle(join(project(), "page.js"), bundled, ["--platform=browser", "--node-modules-dir=manual"], project());
  const script = await Deno.readTextFile(bundled);
  const site = parts.adopt(
    Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, ({ url }) => {
      const isScript = new URL(url).pathname === "/page.js";
      const body = isScript ? script : `<!doctype html><title>A page</title><link rel="icon" href="data:,">`;
      const type = isScript ? "text/javascript" : "text/html";
      return new Response(body, { headers: { "content-type": `${type}; charset=utf-8` } });
    }),
    (server) => server.shutdown(),
  );
  const browser = parts.adopt(await startBrowser(), ({ stop }) => stop());
  const page = await (await browser.openProfile()).newPage();
  await page.goto(`http://127.0.0.1:${site.addr.port}/`);
  await page.addScriptTag({ url: "/page.js", type: "module" });
  const { apiUrl, publishableKey } = local.stack;
  const call = [apiUrl, publishableKey, newPath(), "print('said')\n6 * 7"];
  const told = await page.evaluate(`run(...${JSON.stringify(call)})`);
  assert.deepEqual(told, { events: ["context", "stdout", "result", "end"], stdout: "said\n", text: "42" });
});
