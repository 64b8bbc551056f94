/** What one way took, and which calls it waited for, as the proxies saw them. */
import { at } from "../../support/faulty_stack.ts";
import type { Proxy, RequestLine } from "../../support/proxy.ts";
import type { Scene } from "./scene.ts";

/** Names of calls, in their order. */
export interface Calls {
  readonly database: readonly string[];
  readonly provider: readonly string[];
}

export interface Mark {
  readonly name: string;
  readonly milliseconds: number;
  /** Those that were answered by then: no other can have been waited for. */
  readonly before: Calls;
  /** Those that were under way. */
  readonly beside: Calls;
}

/** Not the request's: one question a second, for all runs of a process, whether somebody has stopped them. */
const isOfTheProcess = ({ path }: RequestLine) => path.endsWith("/rpc/copilot_stopped_executions");

export class Stopwatch {
  readonly #begun = performance.now();
  readonly #database: Tally;
  readonly #provider: Tally;
  readonly marks: Mark[] = [];

  /** Begins. */
  constructor({ database, proxy }: Pick<Scene, "database" | "proxy">) {
    this.#database = new Tally(database);
    this.#provider = new Tally(proxy);
  }

  /** Notes that something has come that a caller waits for. */
  mark(name: string): void {
    const milliseconds = performance.now() - this.#begun;
    const [database, provider] = [this.#database.soFar(), this.#provider.soFar()];
    this.marks.push({
      name,
      milliseconds,
      before: { database: database.answered, provider: provider.answered },
      beside: { database: database.open, provider: provider.open },
    });
  }

  /** All calls, once it is quiet. */
  all(): Calls {
    return { database: this.#database.soFar().answered, provider: this.#provider.soFar().answered };
  }
}

/** The calls of one proxy since a moment. */
class Tally {
  readonly #requests: number;
  readonly #answered: number;

  constructor(private readonly proxy: Proxy) {
    this.#requests = proxy.requests.length;
    this.#answered = proxy.answered.length;
  }

  soFar(): { answered: string[]; open: string[] } {
    const answered = this.proxy.answered.slice(this.#answered);
    const open = this.proxy.requests.slice(this.#requests).filter((line) => !answered.includes(line));
    return { answered: names(answered), open: names(open) };
  }
}

function names(lines: readonly RequestLine[]): string[] {
  return lines.filter((line) => !isOfTheProcess(line)).map(nameOf);
}

function nameOf(line: RequestLine): string {
  const [step] = Object.entries(at).find(([, matches]) => matches(line)) ?? [];
  return step ?? `${line.method} ${line.path.split("?")[0].split("/").at(-1)}`;
}
