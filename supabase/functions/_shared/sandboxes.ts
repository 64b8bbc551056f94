/** The sandboxes at E2B: create, connect, extend, kill. What E2B answers is sorted here into what it means for us. */
import { Sandbox } from "@e2b/code-interpreter";
import {
  AuthenticationError,
  RateLimitError,
  SandboxError,
  SandboxNotFoundError,
  ServiceBusyError,
  TimeoutError,
} from "e2b";
import type { Config } from "./config.ts";
import { ContextError } from "./errors.ts";

/** Time limit of a call that is not a create, in milliseconds. */
const CALL_MILLISECONDS = 20_000;
const KERNEL_PORT = 49999;

/**
 * A sandbox, with the SDK's own way to its kernel. The SDK's `runCode` takes no AbortSignal and keeps all output in
 * memory, so the kernel's HTTP is spoken by `kernel.ts`.
 */
export class LiveSandbox extends Sandbox {
  /** Sends code to the kernel. The answer's body is a stream of JSON lines. */
  execute(body: Record<string, unknown>, signal: AbortSignal): Promise<Response> {
    const headers = new Headers({
      "Content-Type": "application/json",
      "E2b-Sandbox-Id": this.sandboxId,
      "E2b-Sandbox-Port": String(KERNEL_PORT),
    });
    // Given when public traffic to the sandbox is off.
    if (this.trafficAccessToken) headers.set("E2B-Traffic-Access-Token", this.trafficAccessToken);
    // A Blob, because Deno's fetch sends a text a second time when a kept-alive connection breaks before the answer, and
    // the code would run twice.
    return fetch(`${this.jupyterUrl}/execute`, {
      method: "POST",
      headers,
      body: new Blob([JSON.stringify(body)]),
      signal,
    });
  }
}

export type Connection =
  | { readonly outcome: "connected"; readonly sandbox: LiveSandbox }
  | { readonly outcome: "gone" };

export class Sandboxes {
  readonly #options;

  constructor(private readonly config: Pick<Config, "e2b" | "sandbox">) {
    this.#options = {
      ...config.e2b,
      // The server is the judge of its keys: self-hosted ones look different.
      validateApiKey: false,
      // The SDK would wait out a Retry-After inside the request. Callers are told instead.
      retries: 0,
      requestTimeoutMs: CALL_MILLISECONDS,
    };
  }

  /**
   * Creates a sandbox on probation: it dies soon unless `extend` follows.
   *
   * @throws ContextError
   */
  async create(contextId: string): Promise<LiveSandbox> {
    const { template, internetAccess, publicTraffic, probationSeconds, createSeconds } = this.config.sandbox;
    return await answered(LiveSandbox.create(template, {
      ...this.#options,
      requestTimeoutMs: createSeconds * 1000,
      timeoutMs: probationSeconds * 1000,
      metadata: { context_id: contextId },
      allowInternetAccess: internetAccess,
      network: { allowPublicTraffic: publicTraffic },
    }));
  }

  /**
   * Connects to a sandbox and moves its end to `seconds` from now, never earlier than it was.
   *
   * Only E2B's own word ends a context: 404, or 409 while the sandbox is being killed. Anything else is thrown.
   *
   * @throws ContextError
   */
  async connect(sandboxId: string, seconds: number): Promise<Connection> {
    try {
      const sandbox = await LiveSandbox.connect(sandboxId, { ...this.#options, timeoutMs: seconds * 1000 });
      return { outcome: "connected", sandbox };
    } catch (error) {
      // A 404 that is not in E2B's own words, of a proxy say, is no SandboxNotFoundError and proves nothing.
      if (error instanceof SandboxNotFoundError) return { outcome: "gone" };
      if (error instanceof SandboxError && error.statusCode === 409) return { outcome: "gone" };
      throw asSandboxError(error);
    }
  }

  /**
   * Lets a sandbox live for `seconds` from now.
   *
   * @throws ContextError
   */
  async extend(sandboxId: string, seconds: number): Promise<void> {
    await answered(LiveSandbox.setTimeout(sandboxId, seconds * 1000, this.#options));
  }

  /**
   * Kills a sandbox. Returning is E2B's confirmation that it is gone, be it by this call or before.
   *
   * @throws ContextError
   */
  async kill(sandboxId: string): Promise<void> {
    await answered(LiveSandbox.kill(sandboxId, this.#options));
  }
}

async function answered<Answer>(call: Promise<Answer>): Promise<Answer> {
  try {
    return await call;
  } catch (error) {
    throw asSandboxError(error);
  }
}

/** What the SDK threw, as an error for callers. Its own message stays out of answers: it may name our account. */
export function asSandboxError(error: unknown): ContextError {
  if (error instanceof AuthenticationError) {
    return new ContextError("misconfigured", "E2B refuses the functions' E2B_API_KEY.", { cause: error });
  }
  if (error instanceof RateLimitError) {
    // Both are 429 on the wire; only the words differ (e2b.dev/docs/sandbox/rate-limits).
    return /concurrent/i.test(error.message)
      ? new ContextError("out_of_sandboxes", "The E2B account runs as many sandboxes as its plan allows.", {
        retryAfterSeconds: 30,
        cause: error,
      })
      : new ContextError("rate_limited", "E2B limits the rate of requests. Try again later.", {
        retryAfterSeconds: 2,
        cause: error,
      });
  }
  if (error instanceof TimeoutError || (error instanceof Error && /^(Abort|Timeout)Error$/.test(error.name))) {
    return new ContextError("sandbox_timeout", "E2B did not answer in time. Try again.", { cause: error });
  }
  if (error instanceof SandboxError && error.statusCode === 400) {
    return new ContextError("misconfigured", "E2B refuses the sandbox's settings: see the template and the TTLs.", {
      cause: error,
    });
  }
  if (error instanceof SandboxError || error instanceof ServiceBusyError || error instanceof TypeError) {
    return new ContextError("sandbox_unavailable", "E2B could not serve the request. Try again.", {
      retryAfterSeconds: 2,
      cause: error,
    });
  }
  return new ContextError("internal", "An unexpected error. The function's log says more.", { cause: error });
}
