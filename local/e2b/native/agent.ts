import { z } from "zod";
import { FileError } from "../machine/files.ts";
import type { Child, ChildStatus, Signal } from "../machine/machine.ts";
import { type Frame, frame, frames, FROM_AGENT, TO_AGENT } from "./frames.ts";
import { Input } from "./input.ts";
import { Outputs } from "./outputs.ts";

const STDERR_TAIL = 2000;
const CHUNK = 1024 * 1024;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

const Answer = z.union([
  z.object({ result: z.unknown() }),
  z.object({
    reason: z.enum(["missing", "exists", "isDirectory", "notDirectory", "forbidden", "noSpace"]),
    message: z.string(),
  }),
]);
const AgentEvent = z.discriminatedUnion("type", [
  z.object({ type: z.literal("exited"), code: z.int(), signal: z.string().nullable() }),
  z.object({ type: z.literal("overused") }),
  z.object({ type: z.literal("taken"), bytes: z.int() }),
  z.object({
    type: z.literal("changed"),
    change: z.enum(["create", "write", "remove", "rename", "chmod"]),
    path: z.string(),
  }),
]);
export type AgentEvent = z.infer<typeof AgentEvent>;

/** What is asked of the first process of a sandbox; its words are those of `python/agent/main.py`. */
export type Call =
  | {
    readonly do: "spawn";
    readonly command: string;
    readonly args: readonly string[];
    readonly environment: Readonly<Record<string, string>>;
    readonly cwd: string;
    /** Whether it says messages, with all other output among them. */
    readonly kernel: boolean;
    /** Whether it has one more way out, by which it says its state; here it is its stderr. */
    readonly state: boolean;
  }
  | { readonly do: "stat" | "make" | "remove"; readonly path: string }
  | { readonly do: "read"; readonly path: string }
  | { readonly do: "list"; readonly path: string; readonly depth: number }
  | { readonly do: "write"; readonly path: string; readonly metadata: Readonly<Record<string, string>> }
  | { readonly do: "move"; readonly from: string; readonly to: string }
  | { readonly do: "watch"; readonly path: string; readonly recursive: boolean }
  /** All programs at once: they stop, and go on. */
  | { readonly do: "pause" | "resume" }
  /** The names of the processes that are no kernels. */
  | { readonly do: "others" }
  /** All files as one stream, see `python/agent/tree.py`. */
  | { readonly do: "pack" }
  | { readonly do: "unpack" };

interface Pending {
  readonly answered: PromiseWithResolvers<unknown>;
  /** Of what goes on after its answer. */
  readonly onEvent?: (event: AgentEvent) => void;
}

/** The first process of a sandbox, as the server sees it. With its end everything in the sandbox has ended. */
export class Agent {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBufferLike>>;
  readonly #calls = new Map<number, Pending>();
  readonly #outputs: Outputs;
  #last = 0;
  #hasSpoken = false;
  #lost: Error | undefined;
  /** Resolves when nothing of the sandbox is left. */
  readonly ended: Promise<void>;

  /** @param source what it is to run, from `program("agent")` */
  constructor(process: Deno.ChildProcess, source: Uint8Array) {
    this.#process = process;
    this.#input = process.stdin.getWriter();
    this.#outputs = new Outputs((number, stream, held) => this.#tell(number, { do: "hold", stream, held }));
    this.ended = this.#listen();
    this.#write(source);
  }

  /** Whether it has ever run; where bubblewrap itself fails, it never does. */
  get hasSpoken(): boolean {
    return this.#hasSpoken;
  }

  /** It ends with its input, too. Before it has spoken that must do: what bubblewrap has begun could outlive it. */
  kill(): void {
    this.#input.abort().catch(() => {});
    if (!this.#hasSpoken) return;
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It ended by itself a moment ago.
    }
  }

  /** @throws {FileError} what the sandbox's system says of it */
  async call(call: Exclude<Call, { do: "spawn" | "watch" | "write" | "read" | "pack" | "unpack" }>): Promise<unknown> {
    return await this.#ask(call).answered;
  }

  /** @throws {FileError} */
  async read(call: Extract<Call, { do: "read" | "pack" }>): Promise<Uint8Array<ArrayBuffer>> {
    const { number, answered } = this.#ask(call);
    const bytes = new Response(this.#outputs.open(number, 1)).bytes();
    try {
      await answered;
    } finally {
      this.#outputs.close(number);
    }
    return await bytes;
  }

  /** @throws {FileError} */
  async write(call: Extract<Call, { do: "write" | "unpack" }>, bytes: Uint8Array): Promise<unknown> {
    const { number, answered } = this.#ask(call);
    for (let start = 0; start < bytes.length; start += CHUNK) {
      this.#send(TO_AGENT.input, number, bytes.subarray(start, start + CHUNK));
    }
    this.#send(TO_AGENT.input, number, new Uint8Array());
    return await answered;
  }

  /** @throws {FileError} */
  async watch(
    call: Extract<Call, { do: "watch" }>,
    signal: AbortSignal,
    onEvent: (event: AgentEvent) => void,
  ): Promise<void> {
    const { number, answered } = this.#ask(call, onEvent);
    await answered;
    const stop = () => {
      this.#tell(number, { do: "unwatch" });
      this.#calls.delete(number);
    };
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  }

  /** @throws {FileError} when there is no such program or folder */
  async spawn(call: Extract<Call, { do: "spawn" }>, onOveruse: () => void): Promise<Child> {
    const exited = Promise.withResolvers<ChildStatus>();
    const { number, answered } = this.#ask(call, (event) => {
      if (event.type === "overused") onOveruse();
      if (event.type === "taken") input.taken(event.bytes);
      if (event.type !== "exited") return;
      input.end();
      this.#outputs.close(number);
      this.#calls.delete(number);
      exited.resolve({ code: event.code, signal: event.signal });
    });
    const [stdout, stderr] = [this.#outputs.open(number, 1), this.#outputs.open(number, 2)];
    const input = new Input((bytes) => this.#send(TO_AGENT.input, number, bytes));
    try {
      const pid = z.int().parse(await answered);
      return {
        pid,
        stdin: input.writable,
        stdout,
        stderr,
        status: exited.promise,
        kill: (signal: Signal) => this.#tell(number, { do: "signal", signal }),
      };
    } catch (error) {
      this.#outputs.close(number);
      throw error;
    }
  }

  #ask(call: Call, onEvent?: (event: AgentEvent) => void): { number: number; answered: Promise<unknown> } {
    const number = ++this.#last;
    const answered = Promise.withResolvers<unknown>();
    if (this.#lost === undefined) {
      this.#calls.set(number, { answered, onEvent });
      this.#tell(number, call);
    } else {
      answered.reject(this.#lost);
    }
    return { number, answered: answered.promise };
  }

  #tell(number: number, message: object): void {
    this.#send(TO_AGENT.call, number, encoder.encode(JSON.stringify(message)));
  }

  #send(kind: number, number: number, payload: Uint8Array): Promise<void> {
    return this.#write(frame(kind, number, payload));
  }

  /** Never fails: that the sandbox has ended is told by `ended`. */
  async #write(bytes: Uint8Array): Promise<void> {
    await this.#input.write(bytes).catch(() => {});
  }

  async #listen(): Promise<void> {
    let stderr = "";
    const complained = (async () => {
      for await (const chunk of this.#process.stderr) stderr = (stderr + decoder.decode(chunk)).slice(-STDERR_TAIL);
    })();
    try {
      for await (const each of frames(this.#process.stdout)) this.#hear(each);
    } catch {
      // Not one of its own frames: something in the sandbox speaks in its place.
      this.kill();
    }
    await this.#process.status;
    await this.#input.close().catch(() => {});
    await complained;
    const lost = new Error(`The sandbox ended. ${stderr.trimEnd().split("\n").at(-1)}`.trim());
    this.#lost = lost;
    for (const { answered, onEvent } of this.#calls.values()) {
      answered.reject(lost);
      // Of programs, which end with the sandbox.
      onEvent?.({ type: "exited", code: 137, signal: "SIGKILL" });
    }
    this.#calls.clear();
    this.#outputs.closeAll();
  }

  #hear({ kind, number, payload }: Frame): void {
    this.#hasSpoken = true;
    switch (kind) {
      case FROM_AGENT.out:
        return this.#outputs.give(number, 1, payload);
      case FROM_AGENT.err:
        return this.#outputs.give(number, 2, payload);
      case FROM_AGENT.answer:
        return this.#settle(number, Answer.parse(JSON.parse(decoder.decode(payload))));
      case FROM_AGENT.event:
        return this.#calls.get(number)?.onEvent?.(AgentEvent.parse(JSON.parse(decoder.decode(payload))));
    }
  }

  #settle(number: number, answer: z.infer<typeof Answer>): void {
    const call = this.#calls.get(number);
    if ("message" in answer) call?.answered.reject(new FileError(answer.reason, answer.message));
    else call?.answered.resolve(answer.result);
    if ("message" in answer || call?.onEvent === undefined) this.#calls.delete(number);
  }
}
