/** The installer, as its user runs it. */
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../install/main.ts", import.meta.url));

export interface Run {
  readonly code: number;
  /** What it printed, errors included. */
  readonly output: string;
}

export async function installer(args: string[], env: Record<string, string> = {}): Promise<Run> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--no-check", MAIN, ...args],
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code, output: text.decode(stdout) + text.decode(stderr) };
}
