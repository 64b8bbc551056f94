// events O(n^2)?
import { eventStream } from "../supabase/functions/_shared/event_stream.ts";
for (const n of [5000, 20000, 60000]) {
  const gone = new AbortController();
  const t0 = performance.now();
  const r = await eventStream(async (tell) => {
    for (let i = 0; i < n; i++) await tell({ event: "result", data: { text: "1" } });
    return { event: "end", data: {} };
  }, gone);
  let bytes = 0;
  for await (const c of r.body!) bytes += c.length;
  const u = Deno.memoryUsage();
  console.log(n, Math.round(performance.now() - t0), "ms", bytes, Math.round(u.heapUsed / 1e6), "MB heap");
}
