import { isolatedCommand, KERNEL_URL, PYODIDE_URL, PYODIDE_VERSION } from "./isolation.ts";
import { removeStale } from "./stale_files.ts";
import { writeWhole } from "./whole_file.ts";

const DIGEST_BYTES = 32;

/** Of the files that were found sound, when each was last changed: reading one takes a fifth of a second. */
const knownSound = new Map<string, number>();

/**
 * The memory of a started Python, kept in a file: a kernel that starts from it
 * needs half a second instead of five.
 *
 * The file ends with the SHA-256 of what comes before, because Pyodide would
 * start from a damaged snapshot and fail later, in the middle of a cell.
 */
export class Snapshot {
  readonly #cacheDir: string;
  readonly #onProgress: (message: string) => void;
  readonly #signal: AbortSignal;
  #path: Promise<string | null> | undefined;

  constructor(
    cacheDir: string,
    onProgress: (message: string) => void,
    signal: AbortSignal,
  ) {
    this.#cacheDir = cacheDir;
    this.#onProgress = onProgress;
    this.#signal = signal;
  }

  /**
   * The path of a sound snapshot, built first if there is none. `null` if it
   * cannot be built or stored: kernels then start slowly, but they start.
   */
  path(): Promise<string | null> {
    return this.#path ??= this.#find().catch((error: unknown) => {
      if (!this.#signal.aborted) {
        this.#onProgress(`no Python snapshot, starts will be slow: ${error}`);
      }
      return null;
    });
  }

  /** Stops using the snapshot, because a kernel could not start from it. */
  async discard(reason: unknown): Promise<void> {
    const path = await this.path();
    this.#onProgress(`the Python snapshot is unusable: ${reason}`);
    this.#path = Promise.resolve(null);
    if (path !== null) await Deno.remove(path).catch(() => {});
  }

  /** Resolves when no builder runs. */
  async settled(): Promise<void> {
    await this.#path;
  }

  async #find(): Promise<string> {
    const path = `${this.#cacheDir}/snapshot-${await fingerprint()}.bin`;
    if (await isSound(path)) return path;
    await Deno.mkdir(this.#cacheDir, { recursive: true });
    this.#onProgress("building a Python snapshot (once, about 5 s)");
    const content = await build(this.#signal);
    await removeStale(this.#cacheDir, "snapshot-");
    await writeWhole(path, (draft) => Deno.writeFile(draft, content));
    return path;
  }
}

/** Changes whenever a snapshot made earlier would no longer fit. */
async function fingerprint(): Promise<string> {
  const sources: string[] = [PYODIDE_VERSION, Deno.version.deno, Deno.build.target];
  for (const folder of [KERNEL_URL, new URL("python/", KERNEL_URL)]) {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    for (const name of entries.filter((e) => e.isFile).map((e) => e.name).sort()) {
      sources.push(name, await Deno.readTextFile(new URL(name, folder)));
    }
  }
  const bytes = new TextEncoder().encode(sources.join("\0"));
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(digest).toHex().slice(0, 16);
}

async function isSound(path: string): Promise<boolean> {
  try {
    const changed = (await Deno.stat(path)).mtime?.getTime();
    if (changed !== undefined && knownSound.get(path) === changed) return true;
    const content = await Deno.readFile(path);
    const digest = await crypto.subtle.digest("SHA-256", content.subarray(0, -DIGEST_BYTES));
    if (new Uint8Array(digest).toHex() !== content.subarray(-DIGEST_BYTES).toHex()) return false;
    if (changed !== undefined) knownSound.set(path, changed);
    return true;
  } catch {
    return false;
  }
}

async function build(signal: AbortSignal): Promise<Uint8Array> {
  signal.throwIfAborted();
  const child = isolatedCommand("build_snapshot.mjs", [PYODIDE_URL.href]).spawn();
  const kill = () => child.kill("SIGKILL");
  signal.addEventListener("abort", kill);
  try {
    const [{ code, stdout, stderr }] = await Promise.all([child.output(), child.stdin.close()]);
    if (code !== 0 || stdout.length === 0) {
      throw new Error(new TextDecoder().decode(stderr.slice(-2000)) || `exit ${code}`);
    }
    const digest = await crypto.subtle.digest("SHA-256", stdout);
    const content = new Uint8Array(stdout.length + DIGEST_BYTES);
    content.set(stdout);
    content.set(new Uint8Array(digest), stdout.length);
    return content;
  } finally {
    signal.removeEventListener("abort", kill);
  }
}
