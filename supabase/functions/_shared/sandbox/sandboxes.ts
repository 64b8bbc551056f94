/** The sandboxes at E2B: create, connect, kill, list. */
import { ALL_TRAFFIC, ApiClient, ConnectionConfig } from "e2b";
import type { Config } from "../config.ts";
import type { Trace } from "../trace.ts";
import { LiveSandbox } from "./live_sandbox.ts";
import { type Answer, asConnectionError, asProviderError, saysBeingKilled, saysNotFound } from "./provider_errors.ts";
import { sendOnce } from "./send.ts";

/** Time limit of a call that is not a create, in milliseconds. */
const CALL_MILLISECONDS = 20_000;

export type Connection =
  | { readonly outcome: "connected"; readonly sandbox: LiveSandbox }
  /** `confirmed`: E2B knows of no such sandbox. Else it is being killed, and that may yet fail. */
  | { readonly outcome: "gone"; readonly confirmed: boolean };

/** Marks what claims made, so that a sweep need not page through what else the account runs. */
const OWNER = { made_by: "execution-contexts" };

export interface SandboxOptions {
  readonly template: string;
  /** Whether code may reach the internet. */
  readonly internetAccess?: boolean;
  /** All that code may reach: host names, addresses, or blocks of them. */
  readonly allowedHosts?: readonly string[];
}

export interface ListedSandbox {
  readonly sandboxId: string;
  readonly startedAt: Date;
  readonly contextId?: string;
}

/**
 * Speaks to E2B with the SDK's typed API client. The calls above it (`Sandbox.create` and so on) drop what decides
 * here: the status, the error's code, and `Retry-After`.
 */
export class Sandboxes {
  readonly #connection;
  readonly #api;

  constructor(private readonly config: Pick<Config, "e2b" | "sandbox">, private readonly trace: Trace) {
    this.#connection = new ConnectionConfig({
      ...config.e2b,
      // The server is the judge of its keys: self-hosted ones look different.
      validateApiKey: false,
      // The SDK would wait out a Retry-After inside the request. Callers are told instead.
      retries: 0,
    });
    this.#api = new ApiClient(this.#connection).api;
    // Each of them carries the key of the account: it goes to E2B, and wherever that answers from is where it stays.
    this.#api.use({ onRequest: ({ request }) => new Request(request, { redirect: "manual" }) });
  }

  /**
   * Creates a sandbox on probation: it dies soon unless `connect` follows. `own`: what is not as the settings have it.
   * When `ending` aborts, nobody waits for E2B's answer any more.
   *
   * @throws ContextError
   */
  async create(contextId: string, own: SandboxOptions, ending: AbortSignal): Promise<LiveSandbox> {
    const { publicTraffic, probationSeconds, createSeconds, ...otherwise } = this.config.sandbox;
    const { allowedHosts } = own;
    const internetAccess = own.internetAccess ?? otherwise.internetAccess;
    const { data, ...answer } = await this.#answered(this.#api.POST("/v2/sandboxes", {
      body: {
        templateID: own.template,
        timeout: probationSeconds,
        metadata: { ...OWNER, context_id: contextId },
        allow_internet_access: internetAccess && !allowedHosts,
        network: {
          allowPublicTraffic: publicTraffic,
          // What is allowed goes before what is denied (e2b.dev/docs/network/internet-access).
          ...(allowedHosts ? { allowOut: [...allowedHosts], denyOut: [ALL_TRAFFIC] } : {}),
        },
      },
      signal: AbortSignal.any([AbortSignal.timeout(createSeconds * 1000), ending]),
      fetch: sendOnce,
    }));
    if (!data) throw asProviderError(answer);
    return new LiveSandbox(data, this.#connection);
  }

  /**
   * Connects to a sandbox and moves its end to `seconds` from now, never earlier than it was. E2B refuses more seconds
   * than the account's plan allows a sandbox to live.
   *
   * Only E2B's own word ends a context: 404, or 409 while the sandbox is being killed. Anything else is thrown.
   *
   * @throws ContextError
   */
  async connect(sandboxId: string, seconds: number): Promise<Connection> {
    const { data, ...answer } = await this.#answered(this.#api.POST("/v2/sandboxes/{sandboxID}/connect", {
      params: { path: { sandboxID: sandboxId } },
      body: { timeout: seconds },
      signal: AbortSignal.timeout(CALL_MILLISECONDS),
    }));
    if (data) return { outcome: "connected", sandbox: new LiveSandbox(data, this.#connection) };
    if (saysNotFound(answer)) return { outcome: "gone", confirmed: true };
    if (saysBeingKilled(answer)) return { outcome: "gone", confirmed: false };
    throw asProviderError(answer);
  }

  /**
   * Kills a sandbox. Returning is E2B's confirmation that it is gone, be it by this call or before.
   *
   * @throws ContextError
   */
  async kill(sandboxId: string): Promise<void> {
    const answer = await this.#answered(this.#api.DELETE("/sandboxes/{sandboxID}", {
      params: { path: { sandboxID: sandboxId } },
      signal: AbortSignal.timeout(CALL_MILLISECONDS),
    }));
    if (!answer.response.ok && !saysNotFound(answer)) throw asProviderError(answer);
  }

  /**
   * One page of the sandboxes that claims made, running and paused, the oldest first. What is not in it proves nothing:
   * E2B leaves out what is being created or killed.
   *
   * @throws ContextError
   */
  async list(pageToken?: string): Promise<{ sandboxes: ListedSandbox[]; nextPageToken?: string }> {
    const { data, ...answer } = await this.#answered(this.#api.GET("/v2/sandboxes", {
      params: {
        query: {
          metadata: new URLSearchParams(OWNER).toString(),
          order: "asc",
          state: ["running", "paused"],
          limit: 100,
          nextToken: pageToken,
        },
      },
      signal: AbortSignal.timeout(CALL_MILLISECONDS),
    }));
    if (!data) throw asProviderError(answer);
    return {
      sandboxes: data.map(({ sandboxID, startedAt, metadata }) => ({
        sandboxId: sandboxID,
        startedAt: new Date(startedAt),
        contextId: metadata?.context_id,
      })),
      nextPageToken: answer.response.headers.get("x-next-token") ?? undefined,
    };
  }

  async #answered<Call extends Answer>(call: Promise<Call>): Promise<Call> {
    try {
      return await this.trace.measure("provider", () => call);
    } catch (thrown) {
      throw asConnectionError(thrown);
    }
  }
}
