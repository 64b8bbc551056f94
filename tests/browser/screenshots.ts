/**
 * `deno task screenshots`: pictures of the local stack's page for the README, in `docs/screenshots/`, and how soon it paints
 * first. Needs Debian's Chromium, and the native kernel with pandas and matplotlib.
 */
import { fileURLToPath } from "node:url";
import { startStack } from "../support/stack.ts";
import { startBrowser } from "./browser.ts";
import { type NotebookPage, openNotebook } from "./notebook_page.ts";

const FOLDER = fileURLToPath(new URL("../../docs/screenshots/", import.meta.url));

const SIZES = { "": { width: 1000, height: 1040 }, "phone-": { width: 390, height: 844 } } as const;

const CELLS = [
  `import pandas as pd
sales = pd.DataFrame({"month": ["May", "June", "July", "August"], "sales": [40, 44, 61, 58]})
sales`,
  `import matplotlib.pyplot as plt
plt.bar(sales["month"], sales["sales"])
plt.title("Sales")
plt.ylabel("units")
plt.show()`,
  `sales["sales"].mean() / sales["price"]`,
];

/** How soon something is seen, in milliseconds: of ten loads the one in the middle. */
async function firstPaint(page: NotebookPage["page"]): Promise<number> {
  const times: number[] = [];
  for (let load = 0; load < 10; load++) {
    await page.reload();
    await page.locator("main[data-ready=true]").waitFor();
    times.push(Number(await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")));
  }
  return times.sort((a, b) => a - b)[5] ?? NaN;
}

await using parts = new AsyncDisposableStack();
const stack = parts.use(await startStack({ page: true, sweeps: true, kernel: "native" }));
const browser = parts.adopt(await startBrowser(), ({ stop }) => stop());
await Deno.mkdir(FOLDER, { recursive: true });

for (const [size, viewport] of Object.entries(SIZES)) {
  for (const colorScheme of ["light", "dark"] as const) {
    await using notebook = await openNotebook(browser, stack, { colorScheme, viewport, deviceScaleFactor: 1.5 });
    const { page, cells } = notebook;
    const shoot = (name: string) => page.screenshot({ path: `${FOLDER}${size}${name}-${colorScheme}.png` });
    await notebook.run(CELLS[0] ?? "");
    await cells.nth(0).getByRole("table").waitFor();
    await notebook.run(CELLS[1] ?? "", 1);
    await cells.nth(1).getByRole("img", { name: "Chart: Sales" }).waitFor();
    await cells.nth(1).getByRole("button", { name: "Branch from here" }).click();
    await page.getByRole("tab", { name: "branch-1" }).waitFor();
    await page.locator("#state").filter({ hasText: /^awake/ }).waitFor();
    await notebook.run(CELLS[2] ?? "", 2);
    await cells.nth(2).locator("details.traceback").waitFor();
    await page.evaluate("document.activeElement.blur(); scrollTo(0, 0)");
    await shoot("notebook");
    if (size === "") {
      await page.getByRole("link", { name: "Stampede" }).click();
      await page.getByRole("button", { name: "100 callers" }).click();
      await page.getByText(/of them for nothing/).waitFor();
      await page.evaluate("document.activeElement.blur()");
      await shoot("stampede");
      await page.getByRole("link", { name: "Operator" }).click();
      await page.getByRole("table", { name: "Tenants by use" }).waitFor();
      await shoot("operator");
      await page.getByRole("link", { name: "Notebook" }).click();
      if (colorScheme === "light") console.log(`first contentful paint: ${Math.round(await firstPaint(page))} ms`);
    }
  }
}
