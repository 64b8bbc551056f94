/** npm and Node, in a project of somebody's. */
import assert from "node:assert/strict";

/** Runs a command there that must succeed, and returns what it prints. */
export async function runIn(
  cwd: string,
  command: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    env: { ...env, npm_config_update_notifier: "false", npm_config_loglevel: "error", NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  assert.equal(code, 0, text.decode(stdout) + text.decode(stderr));
  return text.decode(stdout);
}
