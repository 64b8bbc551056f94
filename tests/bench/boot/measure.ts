/** One start of a function: from its process's start to its first answer. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { BARE, type Variant } from "./variants.ts";

const SECRET_KEY = "sb_secret_of_a_benchmark";
const readySchema = z.object({ port: z.int(), evaluation: z.number().nullable() });
const doneSchema = z.object({ request: z.number().nullable() });

/** All in milliseconds. Computing is that of the function's main thread; null where the machine does not tell. */
export interface Start {
  readonly answered: number;
  /** Loading included. */
  readonly evaluation: number | null;
  readonly request: number | null;
}

/** Starts it, and asks once: a service's request that is refused for its body, so that no other server has a part. */
export async function start({ name, deno, entry, flags }: Variant): Promise<Start> {
  const started = performance.now();
  await using child = new Deno.Command(deno.path, {
    // The platform keeps no compiled code from one start to the next.
    args: ["run", "--quiet", "--no-check", "--no-code-cache", "--cached-only", "-A", ...flags, HOST, entry],
    env: {
      ...deno.environment,
      SUPABASE_URL: "http://127.0.0.1:9",
      SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: "sb_publishable_of_a_benchmark" }),
      SUPABASE_SECRET_KEYS: JSON.stringify({ default: SECRET_KEY }),
      SUPABASE_JWKS: JSON.stringify({ keys: [] }),
    },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const printed = objectsOf(child.stdout);
  const { port, evaluation } = await first(printed, readySchema);
  const response = await fetch(`http://127.0.0.1:${port}/${name}`, {
    method: "POST",
    headers: { apikey: SECRET_KEY, "Content-Type": "application/json" },
    // No function has a body of this shape, so each says so before it does anything.
    body: "[]",
  });
  const body = await response.text();
  const answered = performance.now() - started;
  assert.equal(response.status, name === BARE ? 200 : 400, body);
  const { request } = await first(printed, doneSchema);
  child.kill("SIGKILL");
  return { answered, evaluation, request };
}

const HOST = fileURLToPath(new URL("host.ts", import.meta.url));

/** The first object of this form. Between the host's own are the function's lines of log. */
async function first<Form>(printed: AsyncGenerator<unknown>, form: z.ZodType<Form>): Promise<Form> {
  for (;;) {
    const { done, value } = await printed.next();
    assert(!done, "the function's process ended");
    const parsed = form.safeParse(value);
    if (parsed.success) return parsed.data;
  }
}

async function* objectsOf(output: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<unknown> {
  let rest = "";
  for await (const piece of output.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line);
  }
}
