/** Debian's Chromium, headless: the browser that users have, driven over a pipe. */
import { type Browser, chromium } from "playwright-core";

const EXECUTABLE = "/usr/bin/chromium";

export interface RunningBrowser {
  readonly browser: Browser;
  /** Leaves no process or file. */
  stop(): Promise<void>;
}

/** Why there is no browser here, or null. */
export async function missingBrowser(): Promise<string | null> {
  try {
    await Deno.stat(EXECUTABLE);
    return null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "Debian's chromium is not installed";
    throw error;
  }
}

/** Starts a browser that reaches this machine only. */
export async function startBrowser(): Promise<RunningBrowser> {
  // Chromium keeps crash reports there, in the home directory otherwise.
  const configuration = await Deno.makeTempDir();
  const remove = () => Deno.remove(configuration, { recursive: true });
  try {
    const browser = await chromium.launch({
      executablePath: EXECUTABLE,
      args: [
        // Chromium's own sandbox does not work under root.
        "--no-sandbox",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
      ],
      // Playwright switches this off, but users have it, and a page that is kept keeps its connections.
      ignoreDefaultArgs: ["--disable-back-forward-cache"],
      env: { ...Deno.env.toObject(), XDG_CONFIG_HOME: configuration },
    });
    return {
      browser,
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
