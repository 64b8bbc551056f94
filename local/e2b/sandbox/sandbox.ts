import type { Language } from "../machine/language.ts";
import type { Machine, Machines } from "../machine/machine.ts";
import { HOME } from "../machine/file_path.ts";
import { Kernel } from "../kernel/kernel.ts";
import { AwakeTimers } from "./awake_timers.ts";
import { type AwakeSpan, Wakefulness } from "./wakefulness.ts";

/** What tests and the local stack may know about a sandbox. */
export interface SandboxRecord {
  readonly sandboxId: string;
  readonly templateId: string;
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

/** A kernel that shares its sandbox's life with others. */
export interface Context {
  readonly id: string;
  readonly language: Language;
  readonly cwd: string;
  readonly kernel: Kernel;
}

export const DEFAULT_CWD = HOME;

/** The languages whose contexts a list shows before they are used (e2b-dev's code-interpreter, template/server/main.py). */
const FROM_THE_START: readonly Language[] = ["python", "javascript"];

/** One sandbox: a lifetime, secrets, and kernels that are started when needed. */
export class Sandbox {
  readonly sandboxId = randomId();
  /** What envd wants to see; `null`: it answers everybody. */
  readonly envdAccessToken: string | null;
  readonly trafficAccessToken: string | null;
  readonly startedAt = new Date();
  readonly machine: Machine;
  readonly contexts = new Map<string, Context>();
  readonly #defaultContexts = new Map<Language, Context>();
  readonly #lifetime = new AbortController();
  readonly #timers = new AwakeTimers();
  readonly #wakefulness: Wakefulness;
  #endAt = this.startedAt;
  #ended: SandboxEnd | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `sequence` orders sandboxes that started in the same millisecond. */
  constructor(
    readonly sequence: number,
    readonly init: SandboxInit,
    machines: Machines,
  ) {
    this.machine = machines.create({
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
    for (const language of FROM_THE_START) {
      if (this.machine.languages.includes(language)) this.defaultContext(language);
    }
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

  /** Aborted when the sandbox is paused or ends: connections to it break then. After it was resumed it is another one. */
  get connections(): AbortSignal {
    return this.#wakefulness.connections;
  }

  get record(): SandboxRecord {
    return {
      sandboxId: this.sandboxId,
      templateId: this.init.templateId,
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
      return await this.#wakefulness.fallAsleep(() => {
        this.#timers.stop();
        clearTimeout(this.#timer);
        this.#endAt = new Date();
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

  /** Resumes one that is to be resumed by a request to a port; whether it runs. */
  async rouse(): Promise<boolean> {
    if (this.state !== "running" && this.init.lifecycle.autoResume) {
      await this.resume(Math.max(this.init.timeoutMs, MIN_AUTO_RESUME_MS));
    }
    return this.state === "running";
  }

  /** The context of executions that name none, one for each language. */
  defaultContext(language: Language): Context {
    const known = this.#defaultContexts.get(language);
    if (known !== undefined && this.contexts.has(known.id)) return known;
    const context = this.createContext(language, DEFAULT_CWD);
    this.#defaultContexts.set(language, context);
    return context;
  }

  /** Adds a kernel of its own; no process is started before it is used. */
  createContext(language: Language, cwd: string): Context {
    const id = crypto.randomUUID();
    const kernel = new Kernel({
      language,
      environment: this.init.environment,
      start: () => this.machine.startKernel({ id, language, cwd }),
    });
    const context = { id, language, cwd, kernel };
    this.contexts.set(id, context);
    return context;
  }

  /** Ends the sandbox for good: running executions break, kernels die. */
  finish(by: SandboxEnd["by"]): void {
    if (this.#ended !== null) return;
    clearTimeout(this.#timer);
    this.#ended = { at: new Date(), by };
    this.#endAt = this.#ended.at;
    this.#wakefulness.end();
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
