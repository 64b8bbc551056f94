/** What a worker's process uses, as Linux accounts for it; other systems do not tell in time. */

/**
 * The CPU time of the one thread that runs JavaScript, in milliseconds since the process began; null where the system
 * does not tell, or the process has ended. It is what the platform's timer counts: threads that collect garbage or
 * compile are not in it.
 */
export function cpuMilliseconds(pid: number): number | null {
  // Nanoseconds on a CPU, nanoseconds in wait for one, how often (Linux, Documentation/scheduler/sched-stats).
  const [nanoseconds] = read(`/proc/${pid}/task/${pid}/schedstat`)?.split(" ") ?? [];
  return nanoseconds === undefined ? null : Number(nanoseconds) / 1e6;
}

/** The machine's memory that it has, in bytes; null as above. */
export function residentBytes(pid: number): number | null {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`) ?? "") ?? [];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}

function read(file: string): string | null {
  try {
    return Deno.readTextFileSync(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || /ESRCH|No such process/.test(String(error))) return null;
    throw error;
  }
}
