/** Calls of execute-code without a stream, whose callers go away in the middle of them, each in its own way. */
import { request } from "node:http";
import { fileURLToPath } from "node:url";
import type { SupabaseClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";

/** A plain call under way. */
export interface PlainCall extends AsyncDisposable {
  /** The caller goes away, and does nothing else that would close its connection. */
  leave(): Promise<void>;
}

type Caller = (apiUrl: string, client: SupabaseClient, body: Record<string, unknown>) => Promise<PlainCall>;

/** Who calls, on a connection that was in use before where it keeps any. */
export const callers = {
  "hangs up": async (apiUrl, client, body) => {
    const outgoing = request(`${apiUrl}/functions/v1/execute-code`, {
      method: "POST",
      headers: { authorization: await authorizationOf(client), "content-type": "application/json" },
    });
    const closed = new Promise<void>((resolve) => outgoing.on("close", resolve));
    outgoing.on("error", () => {});
    outgoing.end(JSON.stringify(body));
    const leave = async () => {
      outgoing.destroy();
      await closed;
    };
    return { leave, [Symbol.asyncDispose]: leave };
  },
  "aborts by supabase-js's signal": (_apiUrl, client, body) => {
    const abort = new AbortController();
    const call = client.functions.invoke("execute-code", { body, signal: abort.signal });
    const leave = async () => {
      abort.abort();
      assert.equal((await call).error?.context.name, "AbortError");
    };
    return Promise.resolve({ leave, [Symbol.asyncDispose]: leave });
  },
  "aborts Node's fetch": async (apiUrl, client, body) => {
    const program = fileURLToPath(new URL("node_caller.mjs", import.meta.url));
    const child = new Deno.Command("node", {
      args: [program, apiUrl, await authorizationOf(client), JSON.stringify(body)],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const [input, output] = [child.stdin.getWriter(), child.stdout.getReader()];
    return {
      leave: async () => {
        await input.write(new TextEncoder().encode("leave\n"));
        const { value } = await output.read();
        assert.equal(new TextDecoder().decode(value), "AbortError\n");
      },
      [Symbol.asyncDispose]: async () => {
        child.kill("SIGKILL");
        await Promise.all([child.status, input.abort(), output.cancel()]);
      },
    };
  },
} satisfies Record<string, Caller>;

async function authorizationOf(client: SupabaseClient): Promise<string> {
  const { data: { session } } = await client.auth.getSession();
  return `Bearer ${session?.access_token}`;
}
