// CPU of the function process for 500 MB of output
import { invoke, newPath, user } from "./support/clients.ts";
import { startFaultyStack } from "./support/faulty_stack.ts";
const faulty = await startFaultyStack();
const client = await user(faulty.stack);
const path = newPath();
await invoke(client, "execute-code", { ...path, code: "1" });
const [{ pid }] = faulty.stack.functions.processes;
const cpu = () => { const f = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1].split(" "); return (Number(f[11]) + Number(f[12])) / 100; };
for (const [name, code] of [
  ["500MB lines", "line = 'x' * 79 + '\\n'\nfor _ in range(500): print(line * 13108, end='')"],
  ["50MB lines", "line = 'x' * 79 + '\\n'\nfor _ in range(50): print(line * 13108, end='')"],
  ["200k prints", "for i in range(200000): print(i, flush=True)"],
  ["30k displays", "for i in range(30000): display(i)"],
] as const) {
  const before = cpu(); const t = performance.now();
  const { execution } = await invoke(client, "execute-code", { ...path, code, timeout_ms: 100_000 });
  console.log(name, execution.status, (cpu() - before).toFixed(2), "s CPU", Math.round(performance.now() - t), "ms", execution.results.length, execution.truncated);
}
await faulty.stop();
