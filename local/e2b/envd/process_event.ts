import type { ChildStatus } from "../machine/machine.ts";

/** Protobuf's `ProcessEvent` as JSON, in which bytes are Base64. */
export type ProcessEvent =
  | { readonly start: { readonly pid: number } }
  | { readonly data: { readonly stdout: string } | { readonly stderr: string } }
  | { readonly end: ProcessEnd }
  | { readonly keepalive: Record<never, never> };

interface ProcessEnd {
  readonly exitCode: number;
  /** Whether it ended by itself. */
  readonly exited: boolean;
  readonly status: string;
  readonly error?: string;
}

/** How a program ended, in the words of Go's `os.ProcessState`, which envd passes on. */
export function endOf({ code, signal }: ChildStatus): ProcessEnd {
  if (signal !== null) {
    const status = `signal: ${SIGNALS.get(signal) ?? signal}`;
    return { exitCode: -1, exited: false, status, error: status };
  }
  const status = `exit status ${code}`;
  return { exitCode: code, exited: true, status, ...(code === 0 ? {} : { error: status }) };
}

const SIGNALS: ReadonlyMap<string, string> = new Map([
  ["SIGABRT", "aborted"],
  ["SIGBUS", "bus error"],
  ["SIGFPE", "floating point exception"],
  ["SIGHUP", "hangup"],
  ["SIGILL", "illegal instruction"],
  ["SIGINT", "interrupt"],
  ["SIGKILL", "killed"],
  ["SIGPIPE", "broken pipe"],
  ["SIGQUIT", "quit"],
  ["SIGSEGV", "segmentation fault"],
  ["SIGTERM", "terminated"],
  ["SIGXCPU", "CPU time limit exceeded"],
  ["SIGXFSZ", "file size limit exceeded"],
]);
