/** Three texts into one: what was installed, what the app has made of it, what is to be installed now. */
import { diff3Merge } from "node-diff3";

export interface Merged {
  readonly text: string;
  /** Places where both have changed the same lines: there the text has both, between git's marks. */
  readonly conflicts: number;
}

/** @param version of what is to be installed, for the marks */
export function merge(base: string, theirs: string, next: string, version: string): Merged {
  const lines: string[] = [];
  let conflicts = 0;
  const regions = diff3Merge(theirs, base, next, { stringSeparator: "\n", excludeFalseConflicts: true });
  for (const { ok, conflict } of regions) {
    if (ok) lines.push(...ok);
    if (conflict) {
      conflicts++;
      lines.push("<<<<<<< yours", ...conflict.a, "=======", ...conflict.b, `>>>>>>> ${version}`);
    }
  }
  return { text: lines.join("\n"), conflicts };
}
