/** What is known of a request besides its answer: which one it is, whom it is about, and where its time went. */
import { readTraceparent, type TraceContext } from "./trace_context.ts";

const PARTS = ["auth", "database", "provider", "kernel"] as const;
/** `provider` is E2B's control plane and its files, `kernel` the code itself. */
export type Part = typeof PARTS[number];

/** For the log line of a request, and for its `Server-Timing`. Parts that overlap are counted each. */
export class Trace {
  readonly requestId: string;
  readonly started = performance.now();
  /** For the log alone: whoever is called from here is told of nobody's trace. */
  readonly #context?: TraceContext;
  readonly #spent = new Map<Part, number>();
  #about: { tenant_id?: string; context_id?: string } = {};

  constructor(request: Request) {
    const given = request.headers.get("x-request-id") ?? "";
    // It goes into logs and headers: nothing that could be anything else.
    this.requestId = /^[\w.-]{1,128}$/.test(given) ? given : crypto.randomUUID();
    this.#context = readTraceparent(request.headers.get("traceparent"));
  }

  /** Says whom the request is about. */
  about(ids: { readonly tenant_id?: string; readonly context_id?: string }): void {
    this.#about = { ...this.#about, ...ids };
  }

  /** Adds milliseconds to what a part took. */
  spend(part: Part, milliseconds: number): void {
    this.#spent.set(part, (this.#spent.get(part) ?? 0) + milliseconds);
  }

  /** Adds what `work` takes to what its part took. */
  async measure<T>(part: Part, work: () => Promise<T>): Promise<T> {
    const started = performance.now();
    try {
      return await work();
    } finally {
      this.spend(part, performance.now() - started);
    }
  }

  /** The fields of the request's log line. */
  fields(): Record<string, string | number | undefined> {
    return {
      request_id: this.requestId,
      trace_id: this.#context?.traceId,
      parent_span_id: this.#context?.parentId,
      ...this.#about,
      duration_ms: Math.round(performance.now() - this.started),
      ...Object.fromEntries([...this.#spent].map(([part, spent]) => [`${part}_ms`, Math.round(spent)])),
    };
  }

  /** `Server-Timing`, in milliseconds, as far as the request has come (w3.org/TR/server-timing). */
  serverTiming(): string {
    return [...this.#spent, ["total", performance.now() - this.started] as const]
      .map(([part, spent]) => `${part};dur=${spent.toFixed(1)}`).join(", ");
  }
}
