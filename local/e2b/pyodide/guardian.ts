/** Ends, without a word, the processes that it is given, unless it hears a line before its input ends. */
const SCRIPT = `trap "" INT TERM HUP; read -r _ || kill -KILL "$@" 2>/dev/null`;

/**
 * Ends stopped processes when this one dies: they cannot notice that by themselves, and would stay for ever. Its own end
 * is the sign, as it closes the guardian's input whatever kills it.
 */
export class Guardian {
  readonly #process: Deno.ChildProcess;
  /** Resolves when it is gone. */
  readonly ended: Promise<void>;
  #isDismissed = false;

  /** @param end dismisses it: who ends the machine ends its processes as well */
  constructor(pids: readonly number[], end: AbortSignal) {
    this.#process = new Deno.Command("/bin/sh", {
      args: ["-c", SCRIPT, "sh", ...pids.map(String)],
      cwd: "/",
      clearEnv: true,
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const dismiss = () => this.dismiss();
    end.addEventListener("abort", dismiss);
    this.ended = this.#process.status.then(() => end.removeEventListener("abort", dismiss));
  }

  dismiss(): void {
    if (this.#isDismissed) return;
    this.#isDismissed = true;
    new Response("\n").body?.pipeTo(this.#process.stdin).catch(() => {});
  }
}
