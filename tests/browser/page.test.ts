/** The local stack's page, through the whole story, in a real browser. */
import axe from "axe-core";
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { answer, at, useFaultyStack } from "../support/faulty_stack.ts";
import { needing } from "../support/needs.ts";
import { endless } from "../support/programs.ts";
import { reachDeadline } from "../support/rows.ts";
import { eventually } from "../support/settle.ts";
import { shared } from "../support/shared.ts";
import { useStack } from "../support/stack.ts";
import { startBrowser } from "./browser.ts";
import { type NotebookPage, openNotebook } from "./notebook_page.ts";

/** Of all that the page is made of, gzipped. */
const MOST_BYTES = 300_000;

const { met, test: needy } = await needing("chromium");
const { met: isNative, test: nativeTest } = await needing("chromium", "the native kernel");

const local = useStack({ page: true, kernel: isNative ? "native" : "pyodide" });
const faulty = useFaultyStack({ page: true });
const browser = shared(async (parts) => met ? parts.adopt(await startBrowser(), ({ stop }) => stop()) : null);

async function open(stack: typeof local.stack = local.stack): Promise<NotebookPage> {
  const running = browser();
  assert(running);
  return await openNotebook(running, stack);
}

needy("a run: its output as it comes, a table as one, and the next cell at hand", async () => {
  await using notebook = await open();
  const { page, cells } = notebook;
  await notebook.run("x = 41\nprint('said', flush=True)\nx + 1");
  await notebook.shows(/said\s*42/);
  await page.locator("#state").filter({ hasText: /^awake, for / }).waitFor();
  assert.equal(await cells.count(), 2);
  // Shift-Enter goes on to it.
  await page.keyboard.insertText(`class Frame:
    def _repr_html_(self):
        return "<table><thead><tr><th></th><th>a</th></tr></thead><tbody><tr><th>0</th><td><img src=x onerror=alert(1)>1</td></tr></tbody></table><script>document.title = 'taken'</script>"
Frame()`);
  await page.keyboard.press("Shift+Enter");
  const table = cells.nth(1).getByRole("table");
  await table.waitFor();
  assert.deepEqual(await table.getByRole("columnheader").allTextContents(), ["", "a"]);
  assert.deepEqual(await table.getByRole("cell").allTextContents(), ["1"]);
  // What a sandbox says is never the page's own.
  assert.equal(await table.locator("img").count(), 0);
  assert.equal(await page.title(), "Execution contexts");
  await cells.nth(0).getByText(/first answer after \d+ ms · sign-in \d+ ms · database \d+ ms/).waitFor();
});

nativeTest("a plot is drawn from what the kernel tells of it", async () => {
  await using notebook = await open();
  const { cells } = notebook;
  const plot = (line: string) => `import matplotlib.pyplot as plt\n${line}\nplt.title("Sales")\nplt.show()`;
  await notebook.run(plot('plt.bar(["a", "b"], [1, 2])'));
  const chart = cells.first().getByRole("img", { name: "Chart: Sales" });
  await chart.waitFor();
  assert.equal(await chart.evaluate(({ tagName }) => tagName), "CANVAS");
  await cells.first().getByRole("button", { name: "As the kernel drew it" }).click();
  assert.equal(await chart.evaluate(({ tagName }) => tagName), "IMG");
  // What it would draw otherwise than the kernel, it does not draw.
  await notebook.run(plot('plt.plot([1, 10, 100], [1, 2, 3]); plt.xscale("log")'), 1);
  await cells.nth(1).locator("img").waitFor();
  assert.equal(await cells.nth(1).locator("canvas").count(), 0);
});

needy("an exception is folded to its last line", async () => {
  await using notebook = await open();
  await notebook.run("def f(): return 1 / 0\nf()");
  const traceback = notebook.cells.first().locator("details.traceback");
  assert.equal(await traceback.locator("summary").textContent(), "ZeroDivisionError: division by zero");
  assert.equal(await traceback.locator("pre").isVisible(), false);
  await traceback.locator("summary").click();
  assert.match(await traceback.locator("pre").textContent() ?? "", /return 1 \/ 0/);
});

needy("a run is stopped, and its variables stay", async () => {
  await using notebook = await open();
  await notebook.run(endless);
  await notebook.shows("begun");
  await notebook.cells.first().getByRole("button", { name: "Stop" }).click();
  await notebook.cells.first().getByText(/, stopped/).waitFor();
  await notebook.run("n > 0", 1);
  await notebook.shows("True", 1);
});

needy("a page that is reloaded during a run comes back to it, and to all else", async () => {
  await using notebook = await open();
  const { page } = notebook;
  await notebook.run(
    "import os, time\nprint('begun', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.01)\n6 * 7",
  );
  await notebook.shows("begun");
  // What is written meanwhile is no part of the run.
  await notebook.cells.first().getByRole("textbox").click();
  await page.keyboard.insertText("# ");
  await page.reload();
  await notebook.ready();
  const stop = notebook.cells.first().getByRole("button", { name: "Stop" });
  await stop.waitFor();
  // Its files come before it is in line for the kernel.
  const { token, conversation_id } = await notebook.user();
  const { apiUrl, publishableKey } = local.stack;
  const other = await fetch(`${apiUrl}/functions/v1/execute-code`, {
    method: "POST",
    headers: { apikey: publishableKey, authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ conversation_id, path_id: "main", code: "1", files: [{ path: "go", content: "" }] }),
  });
  await other.body?.cancel();
  assert.equal(other.status, 200);
  await notebook.shows(/begun\s*42/);
  const runs = await local.sql`
    select from copilot_internal.executions where conversation_id = ${conversation_id}`;
  assert.equal(runs.length, 2);
});

needy("a branch begins with the variables, says where it branched, and goes its own way", async () => {
  await using notebook = await open();
  const { page, cells } = notebook;
  await notebook.run("x = 1");
  await page.locator("#state").filter({ hasText: /^awake/ }).waitFor();
  await cells.first().getByRole("button", { name: "Branch from here" }).click();
  const tab = page.getByRole("tab", { name: "branch-1" });
  await tab.filter({ hasText: "from main, cell 1" }).waitFor();
  await page.locator("#state").filter({ hasText: /^awake/ }).waitFor();
  await notebook.run("x += 1\nx", 1);
  await notebook.shows("2", 1);
  // By keyboard.
  await tab.focus();
  await page.keyboard.press("ArrowLeft");
  assert.equal(await page.getByRole("tab", { name: /main$/ }).getAttribute("aria-selected"), "true");
  await notebook.run("x", 1);
  await notebook.shows("1", 1);
  await page.getByRole("button", { name: "Terminate" }).click();
  await page.locator("#state").filter({ hasText: "ended: on request" }).waitFor();
});

needy("where variables were lost, the notebook says so, at that place", async () => {
  await using notebook = await open();
  await notebook.run("x = 1");
  await notebook.page.locator("#state").filter({ hasText: /^awake/ }).waitFor();
  const { conversation_id } = await notebook.user();
  await reachDeadline(local.sql, { conversation_id });
  // Also after a reload: what was known is kept.
  await notebook.page.reload();
  await notebook.ready();
  await notebook.run("'x' in globals()", 1);
  await notebook.shows(/The Python session was restarted: variables defined before are gone\.[^]*False/, 1);
});

needy("a function that fails: what failed, and what to do", async () => {
  await using notebook = await open(faulty.stack);
  const fault = faulty.proxy.intercept(at.create, answer(401), Infinity);
  await notebook.run("1");
  const alert = notebook.cells.first().getByRole("alert");
  await alert.filter({ hasText: "misconfigured" }).filter({ hasText: "their log names it" }).waitFor();
  fault.end();
  await notebook.run("6 * 7");
  await notebook.shows("42");
});

needy("a sign-in that does not hold any more: the page goes on as somebody new", async () => {
  await using notebook = await open();
  const { page } = notebook;
  await notebook.run("x = 1");
  await page.locator("#state").filter({ hasText: /^awake/ }).waitFor();
  await notebook.cells.first().getByText(/first answer after/).waitFor();
  const before = await notebook.user();
  await page.evaluate(() => {
    const name = Object.keys(localStorage).find((name) => name.endsWith("-auth-token")) ?? "";
    const session = JSON.parse(localStorage.getItem(name) ?? "{}");
    localStorage.setItem(name, JSON.stringify({ ...session, access_token: `${session.access_token}x` }));
  });
  await page.reload();
  await notebook.ready();
  await notebook.run("1", 1);
  await page.getByRole("status").filter({ hasText: "signed in anew" }).waitFor();
  // No code is lost.
  assert.equal(await notebook.cells.nth(1).getByRole("textbox").textContent(), "1");
  assert.notEqual((await notebook.user()).conversation_id, before.conversation_id);
  await notebook.run("6 * 7");
  await notebook.shows("42");
});

needy("a table whose headings span columns and rows has its values under the right ones", async () => {
  await using notebook = await open();
  await notebook.run(`class Frame:
    def _repr_html_(self):
        return "<table><thead><tr><th rowspan=2>a</th><th colspan=2>b</th></tr><tr><th>c</th><th>d</th></tr></thead>" \\
            "<tbody><tr><th rowspan=2>1</th><td>2</td><td>3</td></tr><tr><td>4</td><td>5</td></tr></tbody></table>"
Frame()`);
  const table = notebook.cells.first().getByRole("table");
  await table.waitFor();
  assert.equal(await table.locator("th[rowspan='2']").count(), 2);
  assert.equal(await table.locator("th[colspan='2']").textContent(), "b");
});

needy("a branch of a cell that runs knows nothing of the run, and a cell that is removed is stopped", async () => {
  await using notebook = await open();
  const { page, cells } = notebook;
  await notebook.run("x = 1");
  await cells.first().getByText(/first answer after/).waitFor();
  await notebook.run(endless, 1);
  await notebook.shows("begun", 1);
  await cells.nth(1).getByRole("button", { name: "Branch from here" }).click();
  await page.getByRole("tab", { name: "branch-1", selected: true }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Stop" }).count(), 0);
  await page.getByRole("tab", { name: /main$/ }).click();
  await cells.nth(1).getByRole("button", { name: "Remove cell 2" }).click();
  await notebook.run("x", 1);
  await notebook.shows("1", 1);
  await page.getByRole("tab", { name: "branch-1" }).click();
  await page.getByRole("button", { name: "Remove path" }).click();
  await page.getByRole("tab", { name: "branch-1" }).waitFor({ state: "detached" });
});

needy("a new notebook begins with nothing of the one before, and ends its sandboxes", async () => {
  await using notebook = await open();
  const { page } = notebook;
  await notebook.run("x = 1");
  await page.locator("#state").filter({ hasText: /^awake/ }).waitFor();
  await notebook.cells.first().getByText(/first answer after/).waitFor();
  const { conversation_id } = await notebook.user();
  page.once("dialog", (dialog) => void dialog.accept());
  await page.getByRole("button", { name: "New notebook" }).click();
  await page.locator("#state").filter({ hasText: "no sandbox yet" }).waitFor();
  await eventually("its sandboxes are ended", async () =>
    (await local.sql`
      select from copilot_internal.execution_contexts
      where conversation_id = ${conversation_id} and terminated_at is null`).length === 0);
  await notebook.run("'x' in globals()");
  await notebook.shows("False");
  assert.equal(await notebook.cells.first().locator(".note").count(), 0);
});

needy("a second tab has a notebook of its own, and takes nothing from the first one", async () => {
  await using notebook = await open();
  const { page } = notebook;
  await notebook.run("x = 1");
  const second = await page.context().newPage();
  await second.goto(local.stack.apiUrl);
  await second.getByRole("status").filter({ hasText: "open in another tab" }).waitFor();
  await second.getByRole("textbox").first().click();
  await second.keyboard.insertText("# theirs");
  await second.close();
  await page.reload();
  await notebook.ready();
  assert.equal(await notebook.cells.first().getByRole("textbox").textContent(), "x = 1");
});

needy("it works by either name of this machine", async () => {
  const running = browser();
  assert(running);
  const { port } = new URL(local.stack.apiUrl);
  await using notebook = await openNotebook(running, { apiUrl: `http://localhost:${port}` });
  await notebook.run("6 * 7");
  await notebook.shows("42");
  await notebook.page.getByRole("link", { name: "Operator" }).click();
  await notebook.page.getByText(/All is well|No sweep/).waitFor();
});

needy("a stampede: one sandbox here, one for each caller before", async () => {
  await using notebook = await open();
  const { page } = notebook;
  await page.getByRole("link", { name: "Stampede" }).click();
  await page.getByRole("button", { name: "10 callers" }).click();
  await page.getByText("10 callers, 1 sandbox made", { exact: true }).first().waitFor();
  // How many come too late to make one is the machine's affair; `tests/stack/stampede.test.ts` holds them all at that.
  await page.getByText(/^10 callers, \d+ sandbox(es)? made(, \d of them for nothing)?$/).nth(1).waitFor();
});

needy("an operator sees what there is, and nobody else does", async () => {
  await using notebook = await open();
  await notebook.run("1");
  await notebook.shows("1");
  await notebook.page.getByRole("link", { name: "Operator" }).click();
  await notebook.page.getByRole("cell", { name: "execute-code" }).or(
    notebook.page.getByRole("rowheader", { name: "execute-code" }),
  ).waitFor();
  const { apiUrl } = local.stack;
  for (const headers of [{ origin: "http://elsewhere.example" }, { "sec-fetch-site": "cross-site" }] as const) {
    const response = await fetch(`${apiUrl}/operator`, { headers: new Headers(Object.entries(headers)) });
    await response.body?.cancel();
    assert.equal(response.status, 403);
  }
});

needy(
  "the page is accessible, light and dark, and on a phone; it is small, and nothing of it comes from elsewhere",
  async () => {
    const running = browser();
    assert(running);
    for (const colorScheme of ["light", "dark"] as const) {
      await using notebook = await openNotebook(running, local.stack, {
        colorScheme,
        viewport: colorScheme === "dark" ? { width: 375, height: 800 } : { width: 1200, height: 900 },
        bypassCSP: true,
      });
      const { page, requests } = notebook;
      await notebook.run("print('said')\n1 / 0");
      await notebook.cells.first().locator("details.traceback").waitFor();
      await page.addScriptTag({ content: axe.source });
      for (const view of ["Notebook", "Stampede", "Operator"]) {
        await page.getByRole("link", { name: view }).click();
        if (view === "Operator") await page.getByRole("table", { name: "Tenants by use" }).waitFor();
        const found: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[] = await page
          .evaluate("axe.run().then(({ violations }) => violations)");
        const grave = found.filter(({ impact }) => impact !== "minor");
        assert.deepEqual(
          grave.map(({ id, nodes }) => [id, nodes.map(({ html, failureSummary }) => [html, failureSummary])]),
          [],
        );
        const isWider = await page.evaluate("document.documentElement.scrollWidth > innerWidth");
        assert.equal(isWider, false, `${view} is wider than the window`);
      }
      const { origin } = new URL(local.stack.apiUrl);
      assert.deepEqual(requests.filter((url) => !url.startsWith(origin) && !url.startsWith("data:")), []);
    }
    const texts = await Promise.all(["/", "/page.css", "/page.js", "/favicon.svg"].map(async (path) => {
      return await (await fetch(local.stack.apiUrl + path)).bytes();
    }));
    const bytes = texts.reduce((sum, text) => sum + gzipSync(text).length, 0);
    console.log(`${bytes} bytes, gzipped`);
    assert(bytes < MOST_BYTES);
  },
);
