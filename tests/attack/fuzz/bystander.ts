/** A caller of another tenant, who goes on with small work all the while. Nothing may fail, and nothing may be lost. */
import type { SupabaseClient } from "@supabase/supabase-js";
import type { Stack } from "../../../local/stack.ts";
import { invoke, user } from "../../support/clients.ts";
import { VICTIM, VICTIMS_PATH } from "./scene.ts";

export class Bystander {
  calls = 0;
  #last = 0;
  /** Of one call, in milliseconds. */
  worst = 0;
  readonly failures: string[] = [];
  #isOver = false;

  private constructor(private readonly client: SupabaseClient, readonly contextId: string) {}

  static async enter(stack: Stack): Promise<Bystander> {
    const client = await user(stack, VICTIM);
    const { context } = await invoke(client, "acquire-context", VICTIMS_PATH);
    const bystander = new Bystander(client, context.id);
    await bystander.#count();
    bystander.worst = 0;
    return bystander;
  }

  /** Counts in the kernel, one call after the other, until `leave`. */
  async stay(): Promise<void> {
    while (!this.#isOver) {
      try {
        await this.#count();
      } catch (error) {
        this.failures.push(`the bystander: ${error instanceof Error ? error.message : error}`);
      }
    }
  }

  leave(): void {
    this.#isOver = true;
  }

  async #count(): Promise<void> {
    const started = performance.now();
    const { context, execution } = await invoke(this.client, "execute-code", {
      ...VICTIMS_PATH,
      code: "globalThis.n = (globalThis.n ?? 0) + 1",
      language: "javascript",
    });
    this.worst = Math.max(this.worst, performance.now() - started);
    this.calls++;
    const count = Number(execution.results[0]?.text);
    if (context.id !== this.contextId) throw new Error(`its context ${this.contextId} became ${context.id}`);
    const last = this.#last;
    this.#last = count;
    if (count !== last + 1) throw new Error(`counted ${count} after ${last}`);
  }
}
