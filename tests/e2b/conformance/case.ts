import type { Sandbox } from "@e2b/code-interpreter";
import type { Connection } from "../local_server.ts";

/** What not every E2B-compatible server has. */
export type Feature = "real programs" | "bash kernel" | "R kernel" | "numpy" | "charts" | "fork";

/** What the unchanged SDK does with a sandbox of its own. */
export interface Case {
  readonly name: string;
  readonly needs?: readonly Feature[];
  readonly run: (sandbox: Sandbox, connection: Connection) => Promise<void>;
}

/** Runs a case in a new sandbox, which it kills. */
export async function inSandbox(
  { run }: Case,
  connection: Connection,
  create: (connection: Connection) => Promise<Sandbox>,
): Promise<void> {
  const sandbox = await create(connection);
  try {
    await run(sandbox, connection);
  } finally {
    await sandbox.kill();
  }
}
