import { fileURLToPath } from "node:url";
import { removeStale } from "../stale_files.ts";
import { writeWhole } from "../whole_file.ts";

const PROGRAM_URL = new URL("./program/", import.meta.url);
const CONFIG_URL = new URL("../../../../deno.json", import.meta.url);

/** What just-bash says where its bundle leaves out a command that another one has. It would mislead. */
const NOT_IN_THIS_BUNDLE =
  /command not available in browser environments\. Exclude '\$\{\w+\}' from your commands or use the Node\.js bundle\./;

/**
 * The script that a shell's process runs: just-bash and what it is made of, in one file, so that the process needs to
 * read nothing of this machine. It is made once and kept in a file.
 */
export class ShellProgram {
  readonly #cacheDir: string;
  readonly #onProgress: (message: string) => void;
  readonly #signal: AbortSignal;
  #path: Promise<string> | undefined;

  constructor(cacheDir: string, onProgress: (message: string) => void, signal: AbortSignal) {
    this.#cacheDir = cacheDir;
    this.#onProgress = onProgress;
    this.#signal = signal;
  }

  /** Where it is, made first if it is not there. Rejects when it cannot be made; the next call tries again. */
  path(): Promise<string> {
    return this.#path ??= this.#find().catch((error) => {
      this.#path = undefined;
      throw error;
    });
  }

  /** Resolves when nothing makes it. */
  async settled(): Promise<void> {
    await this.#path?.catch(() => {});
  }

  async #find(): Promise<string> {
    const path = `${this.#cacheDir}/shell-${await fingerprint()}.mjs`;
    if (await isThere(path)) return path;
    await Deno.mkdir(this.#cacheDir, { recursive: true });
    await removeStale(this.#cacheDir, "shell-");
    this.#onProgress("bundling the shell (once, about 3 s)");
    await writeWhole(path, async (draft) => {
      await bundle(draft, this.#signal);
      await Deno.writeTextFile(draft, withBashsWords(await Deno.readTextFile(draft)));
    });
    return path;
  }
}

/** Changes whenever one made earlier would be another. */
async function fingerprint(): Promise<string> {
  const sources = [import.meta.resolve("just-bash/browser"), Deno.version.deno];
  const entries = await Array.fromAsync(Deno.readDir(PROGRAM_URL));
  for (const name of entries.map((entry) => entry.name).sort()) {
    sources.push(name, await Deno.readTextFile(new URL(name, PROGRAM_URL)));
  }
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(sources.join("\0")));
  return new Uint8Array(digest).toHex().slice(0, 16);
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function bundle(output: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--minify",
      "--config",
      fileURLToPath(CONFIG_URL),
      "--output",
      output,
      fileURLToPath(new URL("main.mjs", PROGRAM_URL)),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const kill = () => child.kill("SIGKILL");
  signal.addEventListener("abort", kill);
  try {
    const { success, stderr } = await child.output();
    if (!success) throw new Error(new TextDecoder().decode(stderr.slice(-2000)));
  } finally {
    signal.removeEventListener("abort", kill);
  }
}

function withBashsWords(script: string): string {
  const words = script.replace(NOT_IN_THIS_BUNDLE, "command not found");
  if (words === script) throw new Error("just-bash says otherwise that a command is missing: this must be looked at");
  return words;
}
