/**
 * Serves one function, as `deno run host.ts <entry>` of whichever Deno; prints `{ port, evaluation }`, and after the
 * first request `{ request }`: what its main thread has computed for them, in milliseconds; null where Linux's `/proc` is not.
 */

const before = computed();
const { default: endpoint }: { default: { fetch(request: Request): Promise<Response> } } = await import(Deno.args[0]);
const evaluation = since(before);

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(JSON.stringify({ port, evaluation })),
}, async (request) => {
  const before = computed();
  const response = await endpoint.fetch(request);
  const body = await response.text();
  console.log(JSON.stringify({ request: since(before) }));
  return new Response(body, response);
});

/** How long this thread has computed, in milliseconds (proc_pid_schedstat(5)). */
function computed(): number | null {
  try {
    return Number(Deno.readTextFileSync("/proc/thread-self/schedstat").split(" ")[0]) / 1e6;
  } catch {
    return null;
  }
}

function since(before: number | null): number | null {
  const now = computed();
  return before === null || now === null ? null : now - before;
}
