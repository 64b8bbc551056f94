/**
 * Serves `execute-code` alone, as a worker of the platform does, on a free port that it prints. Ends when its standard
 * input closes. It must run on the platform's Deno, too, so it imports nothing but the function.
 */
import executeCode from "../../../supabase/functions/execute-code/index.ts";

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(JSON.stringify({ port })),
}, (request) => executeCode.fetch(request));
for await (const _ of Deno.stdin.readable);
Deno.exit();
