/**
 * Serves `execute-code` alone, as a worker of the platform does, on a free port that it prints. Ends when its standard
 * input closes. It must run on the platform's Deno, too, so it imports nothing but the function.
 */
import executeCode from "../../../supabase/functions/execute-code/index.ts";

/** How often it looks at its memory, in milliseconds. */
const LOOK_MILLISECONDS = 20;

/** The most of what the platform counts, in bytes, since somebody last asked: heap and external memory. */
let most = 0;
setInterval(() => {
  const { heapTotal, external } = Deno.memoryUsage();
  most = Math.max(most, heapTotal + external);
}, LOOK_MILLISECONDS);

function takeMost(): Response {
  const taken = most;
  most = 0;
  return Response.json(taken);
}

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(JSON.stringify({ port })),
}, (request) => new URL(request.url).pathname === "/memory" ? takeMost() : executeCode.fetch(request));
for await (const _ of Deno.stdin.readable);
Deno.exit();
