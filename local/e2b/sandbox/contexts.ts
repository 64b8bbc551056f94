import { Kernel } from "../kernel/kernel.ts";
import { HttpError } from "../http.ts";
import { HOME } from "../machine/file_path.ts";
import type { Language } from "../machine/language.ts";
import type { Machine } from "../machine/machine.ts";

/** A kernel that shares its sandbox's life with others. */
export interface Context {
  readonly id: string;
  readonly language: Language;
  readonly cwd: string;
  readonly kernel: Kernel;
}

/** What is left of a context when its sandbox is copied: the kernel is the machine's. */
export interface ContextName extends Omit<Context, "kernel"> {
  /** Whether executions of its language that name no context run in it. */
  readonly isDefault: boolean;
  /** Whether its kernel begins anew, whatever the machine has kept. */
  readonly isFresh: boolean;
}

export const DEFAULT_CWD = HOME;

/** How long a cell that was interrupted may go on before its sandbox cannot be copied. */
const QUIET_LIMIT_MS = 10_000;

/** The languages whose contexts a list shows before they are used (e2b-dev's code-interpreter, template/server/main.py). */
const FROM_THE_START: readonly Language[] = ["python", "javascript"];

/** The code contexts of a sandbox. No process is started before one is used. */
export class Contexts {
  readonly #machine: Machine;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #contexts = new Map<string, Context>();
  readonly #defaults = new Map<Language, Context>();

  /**
   * @param environment the variables that the sandbox was created with
   * @param names those that it has from the start; by default E2B's
   */
  constructor(machine: Machine, environment: Readonly<Record<string, string>>, names?: readonly ContextName[]) {
    this.#machine = machine;
    this.#environment = environment;
    for (const { isDefault, isFresh, ...name } of names ?? []) {
      const context = this.#add(name, isFresh);
      if (isDefault) this.#defaults.set(name.language, context);
    }
    if (names !== undefined) return;
    for (const language of FROM_THE_START) if (machine.languages.includes(language)) this.default(language);
  }

  get size(): number {
    return this.#contexts.size;
  }

  find(id: string): Context | undefined {
    return this.#contexts.get(id);
  }

  all(): Context[] {
    return [...this.#contexts.values()];
  }

  /** The context of executions that name none, one for each language. */
  default(language: Language): Context {
    const known = this.#defaults.get(language);
    if (known !== undefined && this.#contexts.has(known.id)) return known;
    const context = this.create(language, DEFAULT_CWD);
    this.#defaults.set(language, context);
    return context;
  }

  /** Adds a kernel of its own. */
  create(language: Language, cwd: string): Context {
    return this.#add({ id: crypto.randomUUID(), language, cwd });
  }

  /** Ends its kernel, and with it what runs there. */
  async remove({ id, kernel }: Context): Promise<void> {
    this.#contexts.delete(id);
    await kernel.remove();
  }

  /**
   * Resolves when none of the cells runs that were interrupted; nobody waits for longer than `end`.
   * @throws {HttpError} 503 when one goes on
   */
  async quiet(end: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const tooLong = new HttpError(503, "a cell of the sandbox does not end although it was interrupted");
    const timer = setTimeout(() => reject(tooLong), QUIET_LIMIT_MS);
    const leave = () => resolve();
    end.addEventListener("abort", leave);
    Promise.all(this.all().map(({ kernel }) => kernel.idle())).then(leave);
    await promise.finally(() => {
      clearTimeout(timer);
      end.removeEventListener("abort", leave);
    });
  }

  names(): ContextName[] {
    return this.all().map(({ kernel, ...name }) => ({
      ...name,
      isFresh: kernel.isForgotten,
      isDefault: this.#defaults.get(name.language)?.id === name.id,
    }));
  }

  clear(): void {
    this.#contexts.clear();
  }

  #add({ id, language, cwd }: Omit<Context, "kernel">, isFresh = false): Context {
    const kernel = new Kernel({
      language,
      environment: this.#environment,
      isFresh,
      start: (isFresh) => this.#machine.startKernel({ id, isFresh, language, cwd }),
    });
    const context = { id, language, cwd, kernel };
    this.#contexts.set(id, context);
    return context;
  }
}
