/**
 * What it costs to read bodies, in a process that can be killed: one line of JSON for each of `attempts`, in their order.
 */
import process from "node:process";
import { acquireRequestSchema } from "../../supabase/functions/_shared/contract/acquire_context.ts";
import { executeRequestSchema } from "../../supabase/functions/_shared/contract/execute_code.ts";
import { terminateRequestSchema } from "../../supabase/functions/_shared/contract/terminate_context.ts";
import { asContextError, toBody } from "../../supabase/functions/_shared/errors.ts";
import { readBody } from "../../supabase/functions/_shared/http/body.ts";
import { Arrival } from "../../supabase/functions/_shared/memory.ts";
import { attempts, type FunctionName, shapes } from "./body_shapes.ts";

/** What the network gives at once, in bytes. */
const CHUNK_BYTES = 64 * 1024;
/** The largest that is read. */
const BYTES = 8 * 2 ** 20;

/** V8's, by `--expose-gc`: what one attempt leaves behind must not count as another's. */
declare const gc: () => void;

async function read(name: FunctionName, request: Request): Promise<void> {
  const arrival = new Arrival();
  try {
    await readOf(name, request, arrival);
  } finally {
    arrival.release();
  }
}

function readOf(name: FunctionName, request: Request, arrival: Arrival): Promise<unknown> {
  switch (name) {
    case "acquire-context":
      return readBody(request, acquireRequestSchema, arrival);
    case "terminate-context":
      return readBody(request, terminateRequestSchema, arrival);
    case "execute-code":
      return readBody(request, executeRequestSchema, arrival);
  }
}

/** In milliseconds of this process, whoever else keeps the machine busy. */
async function cost(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return Math.round((user + system) / 1000);
}

/**
 * The most memory that this process has had since `forgetMost`, or, where Linux does not tell, what it has.
 * https://www.kernel.org/doc/html/latest/filesystems/proc.html, "clear_refs"
 */
function mostBytes(): number {
  try {
    const [, kibibytes] = /VmHWM:\s*(\d+)/.exec(Deno.readTextFileSync("/proc/self/status")) ?? [];
    if (kibibytes !== undefined) return Number(kibibytes) * 1024;
  } catch {
    // No such file.
  }
  return Deno.memoryUsage().rss;
}

function forgetMost(): void {
  try {
    Deno.writeTextFileSync("/proc/self/clear_refs", "5");
  } catch {
    // No such file: the most is only told then, too.
  }
}

function requestOf(body: Uint8Array<ArrayBuffer>): Request {
  let at = 0;
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (controller) => {
      if (at >= body.length) controller.close();
      else controller.enqueue(body.slice(at, at += CHUNK_BYTES));
    },
  });
  return new Request("http://localhost", { method: "POST", body: stream });
}

async function costOf(name: FunctionName, bodies: readonly Uint8Array<ArrayBuffer>[]) {
  gc();
  forgetMost();
  const before = Deno.memoryUsage().rss;
  const milliseconds: number[] = [];
  let refusal: unknown;
  for (const body of bodies) {
    milliseconds.push(
      await cost(async () => {
        try {
          await read(name, requestOf(body));
          refusal = undefined;
        } catch (thrown) {
          refusal = toBody(asContextError(thrown));
        }
      }),
    );
  }
  return { milliseconds, mebibytes: Math.round((mostBytes() - before) / 2 ** 20), refusal };
}

// Not counted: nothing is compiled yet.
for (const { name } of attempts) await read(name, requestOf(new TextEncoder().encode("{}"))).catch(() => {});
for (const { name, shape } of attempts) {
  const bodies = [BYTES / 2, BYTES].map((bytes) => new TextEncoder().encode(shapes[shape](bytes)));
  console.log(JSON.stringify(await costOf(name, bodies)));
}
