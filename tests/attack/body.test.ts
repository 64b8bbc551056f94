/** No body costs more than its size: whatever it is made of, it is refused in time and memory that grow with its length. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { attempts } from "./body_shapes.ts";

/** A hundred times what a refusal should cost, in milliseconds of the processor, for machines that are slow. */
const MOST_MILLISECONDS = 5_000;
/** What growing costs besides growing, in milliseconds: a collection of garbage. */
const SLACK_MILLISECONDS = 250;
/** Sixteen times the body. */
const MOST_MEBIBYTES = 128;
/** For a process that computes without an end, in milliseconds. */
const PATIENCE_MILLISECONDS = 240_000;

const Cost = z.object({
  /** Of reading a body of half the size, and the largest. */
  milliseconds: z.tuple([z.int(), z.int()]),
  mebibytes: z.int(),
  refusal: z.object({ code: z.string(), message: z.string(), field: z.string().optional() }),
});

/** What each attempt costs, as far as the process came that made them. */
async function costs(): Promise<z.infer<typeof Cost>[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--v8-flags=--expose-gc", fileURLToPath(new URL("body_cost.ts", import.meta.url))],
    stdout: "piped",
    signal: AbortSignal.timeout(PATIENCE_MILLISECONDS),
  }).output();
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) => Cost.parse(JSON.parse(line)));
}

Deno.test("no body costs more than its size", async (t) => {
  const made = await costs();
  for (const [index, { name, shape }] of attempts.entries()) {
    await t.step(`${shape}, sent to ${name}`, () => {
      const cost = made[index];
      assert(cost, "the process that read it, or one before it, computed without an end, or died");
      const { milliseconds: [half, full], mebibytes, refusal } = cost;
      console.log(`${half} ms → ${full} ms, ${mebibytes} MiB; ${refusal.message}`);
      assert.equal(refusal.code, "invalid_request");
      assert.match(refusal.message, /^[^\p{Cc}]{1,250}$/u);
      assert((refusal.field ?? "").length <= 101);
      assert(full <= MOST_MILLISECONDS);
      assert(full <= 8 * half + SLACK_MILLISECONDS);
      assert(mebibytes <= MOST_MEBIBYTES);
    });
  }
});
