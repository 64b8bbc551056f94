/** The sandboxes at E2B: create, connect, kill, list. */
import type { Config } from "../config.ts";
import { ContextError } from "../errors.ts";
import type { Trace } from "../trace.ts";
import { Addresses } from "./addresses.ts";
import { LiveSandbox } from "./live_sandbox.ts";
import { ProviderApi } from "./provider_api.ts";
import {
  type Answer,
  answerOf,
  asConnectionError,
  asForkRefusal,
  asProviderError,
  saysBeingKilled,
  saysChanging,
  saysNotFound,
} from "./provider_errors.ts";
import { seal, unseal } from "./sealed_access.ts";

export type Connection =
  | { readonly outcome: "connected"; readonly sandbox: LiveSandbox; readonly wasResumed: boolean }
  /** E2B is just pausing it, copying it, or waking it: that passes. */
  | { readonly outcome: "changing"; readonly error: ContextError }
  /** `confirmed`: E2B knows of no such sandbox. Else it is being killed, and that may yet fail. */
  | { readonly outcome: "gone"; readonly confirmed: boolean };

export type Forking =
  | { readonly outcome: "forked"; readonly sandbox: LiveSandbox }
  /** Nobody knows whether E2B is at it, or has made one. */
  | { readonly outcome: "unanswered"; readonly error: ContextError }
  | Exclude<Connection, { outcome: "connected" }>;

/** Marks what claims made, so that a sweep need not page through what else the account runs. */
const OWNER = { made_by: "execution-contexts" };
/** The SDK's word for everywhere. */
const ALL_TRAFFIC = "0.0.0.0/0";

export interface SandboxOptions {
  readonly template: string;
  /** Whether code may reach the internet. */
  readonly internetAccess?: boolean;
  /** All that code may reach: host names, addresses, or blocks of them. */
  readonly allowedHosts?: readonly string[];
  /** Whether E2B pauses it at its deadline, with its memory, rather than killing it. */
  readonly maySleep: boolean;
}

export interface ListedSandbox {
  readonly sandboxId: string;
  readonly startedAt: Date;
  readonly contextId?: string;
}

export class Sandboxes {
  readonly #addresses;
  readonly #api;

  constructor(private readonly config: Pick<Config, "e2b" | "sandbox">, private readonly trace: Trace) {
    this.#addresses = new Addresses(config.e2b);
    this.#api = new ProviderApi(this.#addresses.api(), config.e2b.apiKey);
  }

  /**
   * Creates a sandbox on probation: it dies soon unless `connect` follows, or is paused, where it may sleep. `own`: what is
   * not as the settings have it.
   * When `ending` aborts, nobody waits for E2B's answer any more.
   *
   * @throws ContextError
   */
  async create(contextId: string, own: SandboxOptions, ending: AbortSignal): Promise<LiveSandbox> {
    const { publicTraffic, probationSeconds, createSeconds, ...otherwise } = this.config.sandbox;
    const { allowedHosts } = own;
    const internetAccess = own.internetAccess ?? otherwise.internetAccess;
    const { data, ...answer } = await this.#answered(this.#api.create({
      templateID: own.template,
      timeout: probationSeconds,
      metadata: { ...OWNER, context_id: contextId },
      // Woken by connect alone: what else comes to its ports must not have it run.
      autoPause: own.maySleep,
      allow_internet_access: internetAccess && !allowedHosts,
      network: {
        allowPublicTraffic: publicTraffic,
        // What is allowed goes before what is denied (e2b.dev/docs/network/internet-access).
        ...(allowedHosts ? { allowOut: [...allowedHosts], denyOut: [ALL_TRAFFIC] } : {}),
      },
    }, AbortSignal.any([AbortSignal.timeout(createSeconds * 1000), ending])));
    if (!data) throw asProviderError(answer);
    return new LiveSandbox(data, this.#addresses);
  }

  /**
   * Connects to a sandbox, waking it if it sleeps, and moves its deadline to `seconds` from now, never earlier than it was.
   * E2B refuses more seconds than the account's plan allows a sandbox to live.
   *
   * Only E2B's own word ends a context: 404, or 409 while the sandbox is being killed. Anything else is thrown.
   *
   * @throws ContextError
   */
  async connect(sandboxId: string, seconds: number): Promise<Connection> {
    const { data, ...answer } = await this.#answered(this.#api.connect(sandboxId, { timeout: seconds }));
    if (data) {
      // 201: it was paused; 200: it ran.
      const wasResumed = answer.response.status === 201;
      return { outcome: "connected", sandbox: new LiveSandbox(data, this.#addresses), wasResumed };
    }
    if (saysNotFound(answer)) return { outcome: "gone", confirmed: true };
    if (saysBeingKilled(answer)) return { outcome: "gone", confirmed: false };
    if (saysChanging(answer)) return { outcome: "changing", error: asProviderError(answer) };
    throw asProviderError(answer);
  }

  /**
   * Makes a sandbox, on probation, that is what another one is at this moment: its files, its kernels and their variables.
   * That one must run, and its connections break, by which its kernels are interrupted. The new one has its metadata, its
   * network and its template. When `ending` aborts, nobody waits for E2B's answer any more.
   *
   * @throws ContextError
   */
  async fork(sandboxId: string, ending: AbortSignal): Promise<Forking> {
    const { probationSeconds, createSeconds } = this.config.sandbox;
    const limit = AbortSignal.any([AbortSignal.timeout(createSeconds * 1000), ending]);
    const told = await this.#answered(this.#api.fork(sandboxId, { count: 1, timeout: probationSeconds }, limit))
      .catch((thrown) => asConnectionError(thrown));
    if (told instanceof ContextError) return { outcome: "unanswered", error: told };
    const { data, ...answer } = told;
    const sandbox = data?.[0]?.sandbox;
    if (sandbox) return { outcome: "forked", sandbox: new LiveSandbox(sandbox, this.#addresses) };
    // It was not made for reasons of its own: its source is as it was.
    const error = data?.[0]?.error;
    if (error) throw asProviderError(answerOf(error));
    if (saysNotFound(answer)) return { outcome: "gone", confirmed: true };
    if (saysBeingKilled(answer)) return { outcome: "gone", confirmed: false };
    const problem = asForkRefusal(answer) ?? asProviderError(answer);
    if (saysChanging(answer)) return { outcome: "changing", error: problem };
    throw problem;
  }

  /** What opens a sandbox, as `open` takes it. */
  async seal({ sandboxId, access }: LiveSandbox): Promise<string> {
    return await seal(this.config.e2b.apiKey, sandboxId, access);
  }

  /** A sandbox as it was known when it was sealed, without asking E2B: whether it lives is not known. Null: not readable. */
  async open(sandboxId: string, sealed: string): Promise<LiveSandbox | null> {
    const access = await unseal(this.config.e2b.apiKey, sandboxId, sealed);
    return access && new LiveSandbox({ ...access, sandboxID: sandboxId }, this.#addresses);
  }

  /**
   * Kills a sandbox. Returning is E2B's confirmation that it is gone, be it by this call or before.
   *
   * @throws ContextError
   */
  async kill(sandboxId: string): Promise<void> {
    const answer = await this.#answered(this.#api.kill(sandboxId));
    if (!answer.response.ok && !saysNotFound(answer)) throw asProviderError(answer);
  }

  /**
   * One page of the sandboxes that claims made, running and paused, the oldest first. What is not in it proves nothing:
   * E2B leaves out what is being created or killed.
   *
   * @throws ContextError
   */
  async list(pageToken?: string): Promise<{ sandboxes: ListedSandbox[]; nextPageToken?: string }> {
    const { data, ...answer } = await this.#answered(this.#api.list({
      metadata: new URLSearchParams(OWNER).toString(),
      order: "asc",
      state: ["running", "paused"],
      limit: 100,
      nextToken: pageToken,
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
