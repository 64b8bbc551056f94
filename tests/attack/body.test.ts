/** No body costs more than its size: whatever it is made of, it is refused in time and memory that grow with its length. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { FunctionName } from "../support/clients.ts";
import { shapes } from "./body_shapes.ts";

/** The largest that is read. */
const BYTES = 8 * 2 ** 20;
/** A hundred times what a refusal should cost, in milliseconds of the processor, for machines that are slow. */
const MOST_MILLISECONDS = 5_000;
/** What growing costs besides growing, in milliseconds: a collection of garbage. */
const SLACK_MILLISECONDS = 250;
/** Sixteen times the body. */
const MOST_MEBIBYTES = 128;
/** For a process that computes without an end, in milliseconds. */
const PATIENCE_MILLISECONDS = 120_000;

const Cost = z.object({
  /** Of reading a half, and the whole. */
  milliseconds: z.tuple([z.int(), z.int()]),
  mebibytes: z.int(),
  /** What `JSON.parse` alone makes of a half, in milliseconds. */
  parsing: z.int(),
  refusal: z.object({ code: z.string(), message: z.string(), field: z.string().optional() }),
});

async function costOf(name: FunctionName, bodies: readonly [string, string]): Promise<z.infer<typeof Cost>> {
  const [half, full] = bodies.map((body) => new TextEncoder().encode(body));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", fileURLToPath(new URL("body_cost.ts", import.meta.url)), name, String(half.length)],
    stdin: "piped",
    stdout: "piped",
    signal: AbortSignal.timeout(PATIENCE_MILLISECONDS),
  }).spawn();
  const output = child.output();
  await new Blob([half, full]).stream().pipeTo(child.stdin);
  const { success, signal, stdout } = await output;
  assert(success, `the process that read it ended by ${signal ?? "itself"}`);
  return Cost.parse(JSON.parse(new TextDecoder().decode(stdout)));
}

async function check(name: FunctionName, shape: string): Promise<void> {
  const { milliseconds: [half, full], mebibytes, parsing, refusal } = await costOf(name, [
    shapes[shape](BYTES / 2),
    shapes[shape](BYTES),
  ]);
  console.log(`${half} ms → ${full} ms, ${mebibytes} MiB (JSON.parse of the half: ${parsing} ms); ${refusal.message}`);
  assert.equal(refusal.code, "invalid_request");
  assert.match(refusal.message, /^[^\p{Cc}]{1,250}$/u);
  assert((refusal.field ?? "").length <= 101);
  assert(full <= MOST_MILLISECONDS);
  assert(full <= 8 * half + SLACK_MILLISECONDS);
  assert(mebibytes <= MOST_MEBIBYTES);
}

for (const shape of Object.keys(shapes)) {
  Deno.test(`a body's cost: ${shape}`, () => check("execute-code", shape));
}
for (const name of ["acquire-context", "terminate-context"] as const) {
  for (const shape of ["an unknown field of a long name", "unknown fields", "an id of characters of two units"]) {
    Deno.test(`a body's cost to ${name}: ${shape}`, () => check(name, shape));
  }
}
