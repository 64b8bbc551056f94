import type { Language } from "../machine/language.ts";
import type { Machine, Machines } from "../machine/machine.ts";
import { HOME } from "../machine/file_path.ts";
import { Kernel } from "../kernel/kernel.ts";

/** What tests and the local stack may know about a sandbox. */
export interface SandboxRecord {
  readonly sandboxId: string;
  readonly templateId: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** What its code may and may not reach by the wishes of who made it. It reaches nothing here. */
  readonly egress: Egress;
  readonly startedAt: Date;
  /** When it will time out, or when it ended. */
  readonly endAt: Date;
  readonly ended: SandboxEnd | null;
}

export interface Egress {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export interface SandboxEnd {
  readonly at: Date;
  readonly by: "kill" | "timeout" | "shutdown";
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

/** What becomes of a sandbox at its timeout, and afterwards. */
export interface Lifecycle {
  readonly onTimeout: "kill" | "pause";
  /** Of one that is paused: whether it keeps more than its files. */
  readonly keepMemory: boolean;
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
    });
    this.envdAccessToken = init.isSecured ? randomToken() : null;
    this.trafficAccessToken = init.allowPublicTraffic ? null : randomToken();
    for (const language of FROM_THE_START) {
      if (this.machine.languages.includes(language)) this.defaultContext(language);
    }
    this.setTimeout(init.timeoutMs);
  }

  get isRunning(): boolean {
    return this.#ended === null;
  }

  /** Aborted when the sandbox ends, whatever ends it. */
  get end(): AbortSignal {
    return this.#lifetime.signal;
  }

  get record(): SandboxRecord {
    return {
      sandboxId: this.sandboxId,
      templateId: this.init.templateId,
      egress: this.init.egress,
      metadata: this.init.metadata,
      startedAt: this.startedAt,
      endAt: this.#endAt,
      ended: this.#ended,
    };
  }

  /** Lets the sandbox time out this long from now, sooner or later than before. */
  setTimeout(milliseconds: number): void {
    if (!this.isRunning) return;
    clearTimeout(this.#timer);
    this.#endAt = new Date(Date.now() + milliseconds);
    this.#timer = setTimeout(() => this.finish("timeout"), milliseconds);
  }

  /** Like `setTimeout`, but never shortens what the sandbox has left. */
  extendTimeout(milliseconds: number): void {
    if (Date.now() + milliseconds > this.#endAt.getTime()) {
      this.setTimeout(milliseconds);
    }
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
    const kernel = new Kernel({
      language,
      environment: this.init.environment,
      start: () => this.machine.startKernel({ language, cwd }),
    });
    const context = { id: crypto.randomUUID(), language, cwd, kernel };
    this.contexts.set(context.id, context);
    return context;
  }

  /** Ends the sandbox for good: running executions break, kernels die. */
  finish(by: SandboxEnd["by"]): void {
    if (!this.isRunning) return;
    clearTimeout(this.#timer);
    this.#ended = { at: new Date(), by };
    this.#endAt = this.#ended.at;
    this.#lifetime.abort();
    this.contexts.clear();
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
