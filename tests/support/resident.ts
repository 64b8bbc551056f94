/** How much of the machine's memory a process has, as Linux accounts for it (proc(5)), in MiB. */

export function residentMebibytes(pid: number, which: "VmRSS" | "VmHWM" = "VmRSS"): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Math.round(Number(new RegExp(`^${which}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024);
}

/** Does `work`, and says what the process grew by meanwhile, at the most. */
export async function growthOf<Answer>(
  pid: number,
  work: () => Promise<Answer>,
): Promise<{ readonly answer: Answer; readonly before: number; readonly grown: number }> {
  const before = residentMebibytes(pid);
  // Its highest mark begins anew.
  Deno.writeTextFileSync(`/proc/${pid}/clear_refs`, "5");
  const answer = await work();
  return { answer, before, grown: residentMebibytes(pid, "VmHWM") - before };
}
