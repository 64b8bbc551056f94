/** Structured log lines: one JSON object each. Never a secret, a token, or a user's code or output. */

type Level = "info" | "warning" | "error";

/** Writes one line. Values are ids, codes, counts and durations. */
export function log(level: Level, fields: Record<string, string | number | boolean | null | undefined>): void {
  const line = JSON.stringify({ level, ...fields });
  if (level === "info") console.log(line);
  else if (level === "warning") console.warn(line);
  else console.error(line);
}

/** What the log may say of a thrown value: its class and message, and those of its causes. */
export function describe(thrown: unknown): string {
  if (!(thrown instanceof Error)) {
    return thrown !== null && typeof thrown === "object" && "message" in thrown
      ? String(thrown.message)
      : typeof thrown;
  }
  // Messages of fetch quote the address, and a sandbox's address holds its id.
  const own = `${thrown.name}: ${thrown.message.replaceAll(/https?:\/\/\S+/g, "<address>")}`;
  return thrown.cause === undefined ? own : `${own} <- ${describe(thrown.cause)}`;
}
