/** What Postgres' processes run in: an account, an environment, and a private directory. */

import type { Account } from "../child.ts";

/** Postgres refuses to run as root, and `initdb` looks its own user up, so it has to be an account that exists. */
export function serverAccount(): Account | undefined {
  if (Deno.uid() !== 0) return undefined;
  const nobody = /^nobody:[^:]*:(\d+):(\d+):/m.exec(Deno.readTextFileSync("/etc/passwd"));
  if (nobody === null) throw new Error("Postgres cannot run as root, and there is no user `nobody` to run it as");
  return { uid: Number(nobody[1]), gid: Number(nobody[2]) };
}

export function environment(directory: string): Record<string, string> {
  // The messages stay English: their text says when the server is ready and whether a port was taken.
  return { PATH: "/usr/bin:/bin", LC_ALL: "C", TMPDIR: directory };
}
