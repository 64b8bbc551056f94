import type { Checkpoint, Machine, MachineInit } from "../machine/machine.ts";
import { AwakeTimers } from "./awake_timers.ts";
import { type ContextName, Contexts } from "./contexts.ts";
import { type AwakeSpan, type Stillness, Wakefulness } from "./wakefulness.ts";

/** What tests and the local stack may know about a sandbox. */
export interface SandboxRecord {
  readonly sandboxId: string;
  readonly templateId: string;
  /** The sandbox of whose state it was made; `null` for a new one. */
  readonly forkedFrom: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** What its code may and may not reach by the wishes of who made it. It reaches nothing here. */
  readonly egress: Egress;
  readonly state: "running" | "paused" | "ended";
  readonly startedAt: Date;
  /** When it will time out, or since when it is paused, or when it ended. */
  readonly endAt: Date;
  /** When it ran, the oldest time first. A pause lies between each two of them. */
  readonly awake: readonly AwakeSpan[];
  readonly ended: SandboxEnd | null;
}

export interface Egress {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export interface SandboxEnd {
  readonly at: Date;
  /** `failure`: what it ran on has ended by itself. */
  readonly by: "kill" | "timeout" | "shutdown" | "failure";
}

export interface SandboxInit {
  readonly templateId: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
  /** Whether envd wants a token. */
  readonly isSecured: boolean;
  readonly allowPublicTraffic: boolean;
  /** What its maker said of the internet as a whole; `null` without a word. */
  readonly internetAccess: boolean | null;
  readonly egress: Egress;
  readonly lifecycle: Lifecycle;
  readonly timeoutMs: number;
}

/** The least time that a request to a port wakes a sandbox for, as with E2B. */
const MIN_AUTO_RESUME_MS = 300_000;

/** What becomes of a sandbox at its timeout, and afterwards. */
export interface Lifecycle {
  readonly onTimeout: "kill" | "pause";
  /** Whether a request to a port wakes it. */
  readonly autoResume: boolean;
}

/** A sandbox as it was at one moment, for others that go on from there. */
export interface SandboxCheckpoint {
  readonly sandboxId: string;
  readonly init: SandboxInit;
  readonly machine: Checkpoint;
  readonly contexts: readonly ContextName[];
}

/** One sandbox: a lifetime, secrets, and kernels that are started when needed. */
export class Sandbox {
  readonly sandboxId = randomId();
  /** What envd wants to see; `null`: it answers everybody. */
  readonly envdAccessToken: string | null;
  readonly trafficAccessToken: string | null;
  readonly startedAt = new Date();
  readonly machine: Machine;
  readonly contexts: Contexts;
  readonly #lifetime = new AbortController();
  readonly #timers = new AwakeTimers();
  readonly #wakefulness: Wakefulness;
  #endAt = this.startedAt;
  #ended: SandboxEnd | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * `sequence` orders sandboxes that started in the same millisecond; `origin` is what it goes on from, if it does.
   */
  constructor(
    readonly sequence: number,
    readonly init: SandboxInit,
    makeMachine: (init: MachineInit) => Machine,
    readonly origin: Pick<SandboxCheckpoint, "sandboxId" | "contexts"> | null = null,
  ) {
    this.machine = makeMachine({
      environment: {
        E2B_SANDBOX: "true",
        E2B_SANDBOX_ID: this.sandboxId,
        E2B_TEMPLATE_ID: init.templateId,
        ...init.environment,
      },
      end: this.end,
      onLost: () => this.finish("failure"),
    });
    this.#wakefulness = new Wakefulness(this.machine);
    this.envdAccessToken = init.isSecured ? randomToken() : null;
    this.trafficAccessToken = init.allowPublicTraffic ? null : randomToken();
    this.contexts = new Contexts(this.machine, init.environment, origin?.contexts);
    this.setTimeout(init.timeoutMs);
  }

  get state(): SandboxRecord["state"] {
    if (this.#ended !== null) return "ended";
    return this.#wakefulness.isAwake ? "running" : "paused";
  }

  /** Aborted when the sandbox ends, whatever ends it. */
  get end(): AbortSignal {
    return this.#lifetime.signal;
  }

  /**
   * Aborted when the sandbox is paused, copied or ends: connections to it break then. When it goes on it is another one.
   */
  get connections(): AbortSignal {
    return this.#wakefulness.connections;
  }

  get record(): SandboxRecord {
    return {
      sandboxId: this.sandboxId,
      templateId: this.init.templateId,
      forkedFrom: this.origin?.sandboxId ?? null,
      egress: this.init.egress,
      metadata: this.init.metadata,
      state: this.state,
      startedAt: this.startedAt,
      endAt: this.#endAt,
      awake: this.#wakefulness.spans,
      ended: this.#ended,
    };
  }

  /** Lets the sandbox time out this long from now, sooner or later than before; one that is paused has no timeout. */
  setTimeout(milliseconds: number): void {
    if (this.state !== "running") return;
    clearTimeout(this.#timer);
    this.#endAt = new Date(Date.now() + milliseconds);
    this.#timer = setTimeout(() => this.#timeOut(), milliseconds);
  }

  /** Like `setTimeout`, but never shortens what the sandbox has left. */
  extendTimeout(milliseconds: number): void {
    if (Date.now() + milliseconds > this.#endAt.getTime()) {
      this.setTimeout(milliseconds);
    }
  }

  /** Calls back once when the sandbox has run so many milliseconds more; the answer calls that off. */
  afterAwake(milliseconds: number, onElapsed: () => void): () => void {
    return this.#timers.start(milliseconds, onElapsed);
  }

  /**
   * Stops all that runs in it, and keeps the memory: connections break, nothing times out. `false` if it is paused
   * already, or is being paused, or has ended.
   * @throws what the machine does; the sandbox runs then as before
   */
  async pause(): Promise<boolean> {
    try {
      return await this.#wakefulness.fallAsleep((at) => {
        this.#timers.stop();
        clearTimeout(this.#timer);
        this.#endAt = at;
      });
    } catch (error) {
      // Its time may have come meanwhile.
      this.setTimeout(Math.max(0, this.#endAt.getTime() - Date.now()));
      throw error;
    }
  }

  /** Lets it go on, with so many milliseconds to its timeout. `false`, and nothing is done, if it runs or has ended. */
  async resume(timeoutMs: number): Promise<boolean> {
    return await this.#wakefulness.wakeUp(() => {
      this.#timers.goOn();
      this.setTimeout(timeoutMs);
    });
  }

  /** Whether a request to a port is answered: the sandbox runs, or is resumed for it. */
  get isReachable(): boolean {
    return this.state === "running" || this.init.lifecycle.autoResume;
  }

  /** Whether it stands still for a moment, because it is being copied. */
  get isSnapshotting(): boolean {
    return this.#wakefulness.isStill;
  }

  /**
   * What all of it is at one moment. It goes on untouched, also when this rejects, but for its connections, which may break;
   * requests that come meanwhile wait. Its timeout goes on.
   * @throws {HttpError} 501 when something in it cannot be carried; 503 when a cell does not end
   */
  async checkpoint(): Promise<Stillness<SandboxCheckpoint>> {
    return await this.#wakefulness.standStill(async (breakConnections) => {
      const machine = await this.machine.checkpoint(async () => {
        breakConnections();
        await this.contexts.quiet(this.end);
      });
      return { sandboxId: this.sandboxId, init: this.init, machine, contexts: this.contexts.names() };
    });
  }

  /** Resumes one that is to be resumed by a request to a port; whether it runs. Waits while it stands still. */
  async rouse(): Promise<boolean> {
    await this.#wakefulness.stirring();
    if (this.state !== "running" && this.init.lifecycle.autoResume) {
      await this.resume(Math.max(this.init.timeoutMs, MIN_AUTO_RESUME_MS));
    }
    return this.state === "running";
  }

  /** Ends the sandbox for good: running executions break, kernels die. */
  finish(by: SandboxEnd["by"]): void {
    if (this.#ended !== null) return;
    clearTimeout(this.#timer);
    this.#ended = { at: new Date(), by };
    this.#endAt = this.#ended.at;
    this.#wakefulness.end(this.#ended.at);
    this.#lifetime.abort();
    this.contexts.clear();
  }

  #timeOut(): void {
    // It is just being paused, which stops its time.
    if (this.state !== "running") return;
    if (this.init.lifecycle.onTimeout === "kill") return this.finish("timeout");
    // One that cannot be paused must not run for ever.
    this.pause().catch(() => this.finish("timeout"));
  }
}

function randomId(): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  const bytes = crypto.getRandomValues(new Uint8Array(19));
  return `i${Array.from(bytes, (byte) => alphabet[byte % 36]).join("")}`;
}

function randomToken(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toHex();
}
