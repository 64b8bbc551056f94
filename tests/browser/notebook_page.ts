/** The local stack's page, as its user works with it. */
import assert from "node:assert/strict";
import type { BrowserContextOptions, Locator, Page } from "playwright-core";
import type { Stack } from "../../local/stack.ts";
import type { RunningBrowser } from "./browser.ts";

export interface NotebookPage extends AsyncDisposable {
  readonly page: Page;
  readonly cells: Locator;
  /** What was asked for, be it of this machine or of another. */
  readonly requests: readonly string[];
  /** Writes code into a cell, the first one by default, and runs it. */
  run(code: string, cell?: number): Promise<void>;
  /** Waits for a cell's output, the first one's by default. */
  shows(text: string | RegExp, cell?: number): Promise<void>;
  /** Waits until the page can be used. */
  ready(): Promise<void>;
  /** The token of the page's user, and the conversation that it shows. */
  user(): Promise<{ readonly token: string; readonly conversation_id: string }>;
}

/** Opens the page in a browser's profile of its own: nobody is signed in yet. */
export async function openNotebook(
  browser: RunningBrowser,
  { apiUrl }: Pick<Stack, "apiUrl">,
  options: BrowserContextOptions = {},
): Promise<NotebookPage> {
  const profile = await browser.openProfile(options);
  const page = await profile.newPage();
  const requests: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  const cells = page.getByRole("article");
  const ready = () => page.locator("main[data-ready=true]").waitFor();
  await page.goto(apiUrl);
  await ready();
  return {
    page,
    cells,
    requests,
    ready,
    run: async (code, cell = 0) => {
      const editor = cells.nth(cell).getByRole("textbox");
      await editor.click();
      await page.keyboard.press("ControlOrMeta+a");
      await page.keyboard.insertText(code);
      await page.keyboard.press("Shift+Enter");
    },
    shows: async (text, cell = 0) => {
      await cells.nth(cell).getByRole("region", { name: /^Output/ }).filter({ hasText: text }).waitFor();
    },
    user: async () => {
      // What has been written last is kept when the page is left, or a little later.
      await page.evaluate("dispatchEvent(new Event('pagehide'))");
      const kept = await page.evaluate(() => ({ ...localStorage }));
      const [, session = "{}"] = Object.entries(kept).find(([name]) => name.endsWith("-auth-token")) ?? [];
      const token: unknown = JSON.parse(session).access_token;
      const conversation_id: unknown = JSON.parse(kept.notebook ?? "{}").conversation_id;
      assert(typeof token === "string" && typeof conversation_id === "string");
      return { token, conversation_id };
    },
    [Symbol.asyncDispose]: () => profile.close(),
  };
}
