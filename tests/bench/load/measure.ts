import { z } from "zod";
import type { Stack } from "../../../local/stack.ts";
import type { DenoBinary } from "../denos.ts";
import { newPath } from "../../support/clients.ts";
import { residentMebibytes } from "../../support/resident.ts";
import type { Case } from "./cases.ts";
import { startFunction } from "./function_process.ts";
import type { ScriptedSandbox } from "./sandbox.ts";

export interface Load {
  /** What the function's process computed each time, until a moment after the answers, all its threads together. */
  readonly cpu_s: number;
  /** Its resident memory before the request, and the most meanwhile. */
  readonly idle_mib: number;
  readonly peak_mib: number;
  /** The most of what the platform counts, by the process's own word: heap and external memory. */
  readonly counted_mib: number;
  /** How its requests were answered. */
  readonly answers: string;
}

/** How long a process goes on computing after an answer, garbage collection included, in milliseconds. */
const AFTERMATH_MILLISECONDS = 500;

/** Measures a case in a process of its own, which has served one small request before. */
export async function measure(deno: DenoBinary, stack: Stack, sandbox: ScriptedSandbox, one: Case): Promise<Load> {
  await using process = await startFunction(deno, stack, sandbox.url);
  const answerTo = async (path: object, body: object, accept: string): Promise<string> => {
    const response = await fetch(`${process.url}/execute-code`, {
      method: "POST",
      headers: { apikey: stack.secretKey, "content-type": "application/json", accept },
      body: JSON.stringify({ ...path, code: "1", ...body }),
    });
    // Read, and not held.
    let end = "";
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) end = (end + decoder.decode(chunk, { stream: true })).slice(-2000);
    const [, code] = /"code":"(\w+)"/.exec(end) ?? [];
    return response.ok ? "ok" : code ?? String(response.status);
  };
  // Who is refused before the body is in may find the connection broken.
  const call = (path: object, body: object, accept: string) =>
    answerTo(path, body, accept).catch((error) => {
      if (error instanceof TypeError) return "broken";
      throw error;
    });
  const paths = Array.from({ length: one.atOnce ?? 1 }, () => ({ ...newPath(), tenant_id: crypto.randomUUID() }));
  sandbox.says = () => [];
  await Promise.all(paths.map((path) => call(path, {}, "application/json")));
  await idle(process.pid);
  sandbox.says = one.says;
  await counted(process.url);
  const before = { cpu: cpuSeconds(process.pid), resident: residentMebibytes(process.pid) };
  // Its highest mark begins anew.
  await Deno.writeTextFile(`/proc/${process.pid}/clear_refs`, "5");
  const accept = one.isStreamed ? "text/event-stream" : "application/json";
  const answers: string[] = [];
  for (let time = 0; time < (one.times ?? 1); time++) {
    const more = { ...one.body, ...(one.body?.idempotency_key === undefined ? {} : { idempotency_key: `${time}` }) };
    answers.push(...await Promise.all(paths.map((path) => call(path, more, accept))));
  }
  await idle(process.pid);
  return {
    cpu_s: Math.round((cpuSeconds(process.pid) - before.cpu) / (one.times ?? 1) * 100) / 100,
    idle_mib: before.resident,
    peak_mib: residentMebibytes(process.pid, "VmHWM"),
    counted_mib: Math.round(await counted(process.url) / 2 ** 20),
    answers: [...Map.groupBy(answers, (answer) => answer)].map(([answer, { length }]) => `${length} ${answer}`).join(
      ", ",
    ),
  };
}

/** Asks the process for the most that it counted since it was last asked, in bytes. */
async function counted(url: string): Promise<number> {
  return z.number().parse(await (await fetch(`${url}/memory`)).json());
}

/** Waits until a process computes nothing for a while. */
async function idle(pid: number): Promise<void> {
  for (let before = NaN, now = cpuSeconds(pid); now !== before;) {
    await new Promise((resolve) => setTimeout(resolve, AFTERMATH_MILLISECONDS));
    before = now;
    now = cpuSeconds(pid);
  }
}

/** A process's computing time, as Linux accounts for it (proc(5)). */
function cpuSeconds(pid: number): number {
  // Behind the program's name, which may hold anything: the 12th and 13th are ticks of a hundredth of a second.
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
