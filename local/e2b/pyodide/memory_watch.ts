/** How much memory a kernel or a shell may use. */
export const MEMORY_LIMIT_BYTES = 1024 ** 3;

const POLL_MS = 200;

/** Tells once when a process has more memory than it may, by what it is then to be told. WebAssembly knows no limit. */
export function watchMemory(
  pid: number,
  limitBytes: number,
  over: (verdict: string) => void,
  what: "kernel" | "shell" = "kernel",
): { stop(): void } {
  const timer = setInterval(() => {
    if (residentBytes(pid) <= limitBytes) return;
    clearInterval(timer);
    over(`The ${what} was ended: it used more than ${Math.round(limitBytes / 1024 ** 2)} MiB of memory.`);
  }, POLL_MS);
  return { stop: () => clearInterval(timer) };
}

function residentBytes(pid: number): number {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    // No /proc on this system, or the process has just ended.
    return 0;
  }
}
