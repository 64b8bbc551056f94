import type { MachineInit, Machines } from "../machine/machine.ts";
import { Sandbox, type SandboxCheckpoint, type SandboxEnd, type SandboxInit, type SandboxRecord } from "./sandbox.ts";

const HISTORY_LIMIT = 100_000;

/**
 * Every sandbox of a server: the living ones, which run or are paused, and, for
 * tests, what there is to say about the ended ones. Those themselves are let go, as each may hold 64 MiB
 * of files.
 */
export class SandboxRegistry {
  readonly #living = new Map<string, Sandbox>();
  /** In the order of creation. What it says of a living one is out of date. */
  readonly #records = new Map<string, SandboxRecord>();
  readonly #machines: Machines;
  #created = 0;
  #finishedBy: SandboxEnd["by"] | undefined;

  constructor(machines: Machines) {
    this.#machines = machines;
  }

  /** Whether sandboxes can be paused on this system. */
  get canPause(): boolean {
    return this.#machines.canPause;
  }

  create(init: SandboxInit): Sandbox {
    return this.#add(new Sandbox(++this.#created, init, (machine) => this.#machines.create(machine)));
  }

  /** One that goes on where another one was. */
  createFrom({ sandboxId, contexts, machine: checkpoint }: SandboxCheckpoint, init: SandboxInit): Sandbox {
    const restore = (machine: MachineInit) => checkpoint.restore(machine);
    return this.#add(new Sandbox(++this.#created, init, restore, { sandboxId, contexts }));
  }

  /** A living sandbox; one that ended is as unknown as one that never was. */
  find(sandboxId: string): Sandbox | null {
    return this.#living.get(sandboxId) ?? null;
  }

  /** Those that run or are paused, in the order of their creation. */
  living(): Sandbox[] {
    return [...this.#living.values()];
  }

  /** Of the living and the ended, in the order of their creation. */
  records(): SandboxRecord[] {
    return Array.from(this.#records, ([id, record]) => this.#living.get(id)?.record ?? record);
  }

  /** Those, too, that a request which is on its way still makes. */
  finishAll(by: SandboxEnd["by"]): void {
    this.#finishedBy = by;
    for (const sandbox of this.living()) sandbox.finish(by);
  }

  #add(sandbox: Sandbox): Sandbox {
    const { sandboxId } = sandbox;
    this.#living.set(sandboxId, sandbox);
    this.#records.set(sandboxId, sandbox.record);
    sandbox.end.addEventListener("abort", () => this.#keepRecordOnly(sandboxId), { once: true });
    this.#forgetOldest();
    if (this.#finishedBy !== undefined) sandbox.finish(this.#finishedBy);
    return sandbox;
  }

  #keepRecordOnly(sandboxId: string): void {
    const sandbox = this.#living.get(sandboxId);
    if (sandbox === undefined) return;
    this.#living.delete(sandboxId);
    if (this.#records.has(sandboxId)) this.#records.set(sandboxId, sandbox.record);
  }

  #forgetOldest(): void {
    if (this.#records.size <= HISTORY_LIMIT) return;
    for (const id of this.#records.keys()) {
      if (this.#living.has(id)) continue;
      this.#records.delete(id);
      return;
    }
  }
}
