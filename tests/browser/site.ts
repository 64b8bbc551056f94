/** A frontend's web site, on an origin of its own: one page, and what its scripts need out of npm. */
import type { Stack } from "../../local/stack.ts";

const SUPABASE = new URL(import.meta.resolve("@supabase/supabase-js/dist/umd/supabase.js"));
const PARSER = new URL(import.meta.resolve("eventsource-parser/stream"));

export interface Site {
  readonly url: string;
  stop(): Promise<void>;
}

/** Serves the page for a stack on any free port of the loopback interface. */
export function startSite({ apiUrl, publishableKey }: Pick<Stack, "apiUrl" | "publishableKey">): Site {
  // Scripts find what they do not see here through `globalThis`.
  const page = `<!doctype html>
<title>A frontend</title>
<link rel="icon" href="data:,">
<script src="/supabase.js"></script>
<script type="module">
import { EventSourceParserStream } from "/eventsource-parser/stream.js";
const client = supabase.createClient(${JSON.stringify(apiUrl)}, ${JSON.stringify(publishableKey)});
Object.assign(globalThis, { client, EventSourceParserStream });
</script>`;

  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async ({ url }) => {
    const { pathname } = new URL(url);
    if (pathname === "/") return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
    const file = pathname === "/supabase.js"
      ? SUPABASE
      : new URL(pathname.replace(/^\/eventsource-parser\//, ""), new URL(".", PARSER));
    const headers = { "content-type": "text/javascript; charset=utf-8" };
    return new Response(await Deno.readTextFile(file), { headers });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    stop: () => server.shutdown(),
  };
}
