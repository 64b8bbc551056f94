/** Debian's Chromium, headless: the browser that users have, driven over a pipe. */
import { type BrowserContext, type BrowserContextOptions, chromium } from "playwright-core";
import { CHROMIUM } from "../support/needs.ts";

/** How long a page may take for what a test waits for, where no bound is promised: a busy machine fails no test. */
const PATIENCE_MILLISECONDS = 60_000;

export interface RunningBrowser {
  /** A profile of its own, in which nobody is signed in yet. */
  openProfile(options?: BrowserContextOptions): Promise<BrowserContext>;
  /** Leaves no process or file. */
  stop(): Promise<void>;
}

/** Starts a browser that reaches this machine only. */
export async function startBrowser(): Promise<RunningBrowser> {
  // Chromium keeps crash reports there, in the home directory otherwise.
  const configuration = await Deno.makeTempDir();
  const remove = () => Deno.remove(configuration, { recursive: true });
  try {
    const browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        // Chromium's own sandbox does not work under root.
        "--no-sandbox",
        // No picture is looked at, and drawing takes most of its computing.
        "--disable-gpu",
        "--disable-software-rasterizer",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
      ],
      // Playwright switches this off, but users have it, and a page that is kept keeps its connections.
      ignoreDefaultArgs: ["--disable-back-forward-cache"],
      env: { ...Deno.env.toObject(), XDG_CONFIG_HOME: configuration },
    });
    return {
      openProfile: async (options) => {
        const profile = await browser.newContext(options);
        profile.setDefaultTimeout(PATIENCE_MILLISECONDS);
        return profile;
      },
      stop: async () => {
        await browser.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
