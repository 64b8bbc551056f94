import { z } from "zod";
import type { Change, Entry, Files, Metadata } from "../machine/files.ts";
import type { Agent } from "./agent.ts";

const EntrySchema = z.object({
  path: z.string(),
  kind: z.enum(["file", "directory", "symlink"]),
  target: z.string().nullable().transform((target) => target ?? undefined),
  size: z.int(),
  mode: z.int(),
  owner: z.string(),
  group: z.string(),
  modified: z.number().transform((milliseconds) => new Date(milliseconds)),
  metadata: z.record(z.string(), z.string()),
});

/** Files that the sandbox itself has: what a program writes is seen at once, and the other way round. */
export class NativeFiles implements Files {
  readonly #agent: () => Promise<Agent>;

  constructor(agent: () => Promise<Agent>) {
    this.#agent = agent;
  }

  async stat(path: string): Promise<Entry> {
    return EntrySchema.parse(await (await this.#agent()).call({ do: "stat", path }));
  }

  async read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    return await (await this.#agent()).read({ do: "read", path });
  }

  async list(path: string, depth: number): Promise<readonly Entry[]> {
    // Infinity has no JSON.
    const levels = Math.min(depth, 1000);
    return z.array(EntrySchema).parse(await (await this.#agent()).call({ do: "list", path, depth: levels }));
  }

  async write(path: string, bytes: Uint8Array<ArrayBuffer>, metadata: Metadata): Promise<Entry> {
    return EntrySchema.parse(await (await this.#agent()).write({ do: "write", path, metadata }, bytes));
  }

  async makeDirectory(path: string): Promise<Entry> {
    return EntrySchema.parse(await (await this.#agent()).call({ do: "make", path }));
  }

  async move(from: string, to: string): Promise<Entry> {
    return EntrySchema.parse(await (await this.#agent()).call({ do: "move", from, to }));
  }

  async remove(path: string): Promise<void> {
    await (await this.#agent()).call({ do: "remove", path });
  }

  async watch(
    path: string,
    { recursive, signal }: { readonly recursive: boolean; readonly signal: AbortSignal },
    onChange: (change: Change) => void,
  ): Promise<void> {
    await (await this.#agent()).watch({ do: "watch", path, recursive }, signal, (event) => {
      if (event.type === "changed") onChange({ type: event.change, path: event.path });
    });
  }
}
