/** What runs in a machine while it is paused: nothing, whatever its programs have prepared. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Machine, Machines } from "../../local/e2b/machine/machine.ts";
import { findNativeKernels } from "../../local/e2b/native/find.ts";
import { NativeMachines } from "../../local/e2b/native/native_machines.ts";
import { MEMORY_LIMIT_BYTES } from "../../local/e2b/pyodide/memory_watch.ts";
import { PYODIDE_LOCK } from "../../local/e2b/pyodide/package_cache.ts";
import { PyodideMachines } from "../../local/e2b/pyodide/pyodide_machines.ts";
import { ShellProgram } from "../../local/e2b/pyodide/shell/shell_program.ts";
import { Snapshot } from "../../local/e2b/pyodide/snapshot.ts";
import { eventually } from "../support/settle.ts";

const cacheDir = fileURLToPath(new URL("../../.local/cache", import.meta.url));
const never = new AbortController().signal;
const pyodide = () =>
  new PyodideMachines({
    snapshot: new Snapshot(cacheDir, () => {}, never),
    shellProgram: new ShellProgram(cacheDir, () => {}, never),
    packages: { directory: cacheDir, lock: PYODIDE_LOCK },
    memoryLimitBytes: MEMORY_LIMIT_BYTES,
  });
const found = await findNativeKernels();
const languages = found.outcome === "found" ? found.languages : [];
const native: [name: string, make: () => Machines] = ["native", () => new NativeMachines(languages, pyodide())];
const MACHINES: [name: string, make: () => Machines][] = [
  ["pyodide", pyodide],
  ...(languages.length > 0 ? [native] : []),
];

const COUNT = "for ((n = 0; ; n++)); do echo $n > count; sleep 0.01; done";

for (const [name, make] of MACHINES) {
  Deno.test({
    name: `${name}: a program stands still while its machine is paused`,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: () => withTwo(make(), (paused, clock) => standsStill(paused, clock, COUNT)),
  });
}

/** A machine of which a clock tells that time passes while the other is paused. */
async function withTwo(machines: Machines, run: (paused: Machine, clock: Machine) => Promise<void>): Promise<void> {
  const end = new AbortController();
  try {
    const init = { environment: {}, end: end.signal, onLost: () => {} };
    await run(machines.create(init), machines.create(init));
  } finally {
    end.abort();
    await machines.allEnded();
  }
}

async function standsStill(paused: Machine, clock: Machine, script: string): Promise<void> {
  await Promise.all([start(paused, script), start(clock, COUNT)]);
  await paused.pause();
  // What was on its way when it was stopped.
  await ticks(clock, 10);
  const before = await countOf(paused);
  await ticks(clock, 40);
  assert.equal(await countOf(paused), before);
  await paused.resume();
  await eventually("it goes on", async () => await countOf(paused) > before);
}

async function start(machine: Machine, script: string): Promise<void> {
  await machine.spawn({ command: "/bin/bash", args: ["-l", "-c", script], environment: {}, cwd: "/home/user" })
    .then(({ stdin }) => stdin.close());
  await eventually("it counts", async () => await countOf(machine) > 3);
}

async function ticks(clock: Machine, number: number): Promise<void> {
  const from = await countOf(clock);
  await eventually("the clock goes on", async () => await countOf(clock) >= from + number, { everyMilliseconds: 20 });
}

/** A file that is just being written is empty. */
async function countOf({ files }: Machine): Promise<number> {
  return Number(new TextDecoder().decode(await files.read("/home/user/count").catch(() => new Uint8Array())));
}

/** A program that asks the system to wake it, again and again. Only with a handler of its own the signal is sent at all. */
const SET_ALARMS = `
import ctypes, signal, struct, time
libc = ctypes.CDLL(None)
signal.signal(signal.SIGCONT, lambda *_: None)
timer = ctypes.c_void_p()
event = struct.pack("qii", 0, signal.SIGCONT, 0).ljust(64, b"\\0")
if libc.timer_create(1, event, ctypes.byref(timer)) == 0:
    libc.timer_settime(timer, 0, struct.pack("qqqq", 0, 10**6, 0, 10**6), None)
n = 0
while True:
    n += 1
    with open("count", "w") as file: file.write(str(n))
    time.sleep(0.01)
`;

const canRefuse = found.outcome === "found" && !found.install?.includes("python3-seccomp");
Deno.test({
  name: `native: no timer wakes a program of a paused machine${
    canRefuse ? "" : " (skipped: python3-seccomp is missing)"
  }`,
  ignore: !canRefuse,
  fn: () =>
    withTwo(
      new NativeMachines(languages, pyodide()),
      (paused, clock) => standsStill(paused, clock, `exec python3 -c '${SET_ALARMS}'`),
    ),
});
