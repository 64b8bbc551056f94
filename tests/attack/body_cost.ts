/**
 * What it costs to read a body, in a process that can be killed. Its standard input is the same kind of body twice, in
 * two sizes; its arguments are the function's name and the size of the first body, in bytes. Prints one line of JSON.
 */
import process from "node:process";
import { acquireRequestSchema } from "../../supabase/functions/_shared/contract/acquire_context.ts";
import { executeRequestSchema } from "../../supabase/functions/_shared/contract/execute_code.ts";
import { terminateRequestSchema } from "../../supabase/functions/_shared/contract/terminate_context.ts";
import { asContextError, toBody } from "../../supabase/functions/_shared/errors.ts";
import { readBody } from "../../supabase/functions/_shared/http/body.ts";

/** What the network gives at once, in bytes. */
const CHUNK_BYTES = 64 * 1024;

const [name = "", firstBytes = ""] = Deno.args;

function read(request: Request): Promise<unknown> {
  switch (name) {
    case "acquire-context":
      return readBody(request, acquireRequestSchema);
    case "terminate-context":
      return readBody(request, terminateRequestSchema);
    default:
      return readBody(request, executeRequestSchema);
  }
}

/** In milliseconds of this process, whoever else keeps the machine busy. */
async function cost(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return Math.round((user + system) / 1000);
}

/** The most memory that this process has had, or, where Linux does not tell, what it has. */
function mostBytes(): number {
  try {
    const [, kibibytes] = /VmHWM:\s*(\d+)/.exec(Deno.readTextFileSync("/proc/self/status")) ?? [];
    if (kibibytes !== undefined) return Number(kibibytes) * 1024;
  } catch {
    // No such file.
  }
  return Deno.memoryUsage().rss;
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

const input = await new Response(Deno.stdin.readable).bytes();
const bodies = [input.subarray(0, Number(firstBytes)), input.subarray(Number(firstBytes))];
// Not counted: nothing is compiled yet.
await read(requestOf(new TextEncoder().encode("{}"))).catch(() => {});

const before = Deno.memoryUsage().rss;
const milliseconds: number[] = [];
let refusal: unknown;
for (const body of bodies) {
  milliseconds.push(
    await cost(async () => {
      try {
        await read(requestOf(body));
        refusal = undefined;
      } catch (thrown) {
        refusal = toBody(asContextError(thrown));
      }
    }),
  );
}
const mebibytes = Math.round((mostBytes() - before) / 2 ** 20);
const parsing = await cost(() => {
  try {
    JSON.parse(new TextDecoder().decode(bodies[0]));
  } catch {
    // Not all of them are JSON.
  }
});
console.log(JSON.stringify({ milliseconds, mebibytes, parsing, refusal }));
