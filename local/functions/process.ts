/**
 * Serves Edge Functions as the platform does, on a free port that it prints as `{"port":n}`. Ends when its standard
 * input closes, which the death of its parent does too.
 *
 * Argument: the functions, as JSON. A request to `/.beforeunload` tells them that their worker is about to end, for the
 * reason in its body; the gateway knows no function of that name.
 */

import { z } from "zod";
import { serve } from "../serve.ts";
import { type Handler, loadHandler } from "./handler.ts";

const EdgeFunctions = z.array(z.object({ name: z.string(), entrypoint: z.string() }));

async function endWithParent(): Promise<never> {
  for await (const _ of Deno.stdin.readable);
  Deno.exit();
}

/** The platform keeps a worker alive for these; here it lives anyway, and a failure has to be seen somewhere. */
function waitUntil(promise: Promise<unknown>): void {
  promise.catch((error) => console.error("EdgeRuntime.waitUntil:", error));
}

/** As the platform's runtime does (supabase/edge-runtime, ext/runtime/js/bootstrap.js). */
async function announceEnd(request: Request): Promise<Response> {
  const detail = { reason: await request.text() };
  globalThis.dispatchEvent(new CustomEvent("beforeunload", { cancelable: true, detail }));
  return new Response(null, { status: 204 });
}

function failed(error: unknown): Response {
  console.error(error);
  const body = { code: "WORKER_ERROR", message: "Function exited due to an error (please check logs)" };
  return Response.json(body, { status: 500, headers: { "sb-error-code": body.code } });
}

endWithParent();
Object.assign(globalThis, { EdgeRuntime: { waitUntil } });
const handlers = new Map<string, Handler>();
for (const { name, entrypoint } of EdgeFunctions.parse(JSON.parse(Deno.args[0] ?? ""))) {
  try {
    handlers.set(name, await loadHandler(name, entrypoint));
  } catch (error) {
    console.error(`The function ${name} cannot be loaded:`);
    throw error;
  }
}

const { port } = await serve({ onError: failed }, (request) => {
  const [, name = ""] = new URL(request.url).pathname.split("/");
  if (name === ".beforeunload") return announceEnd(request);
  return handlers.get(name)?.(request) ?? new Response("Not found", { status: 404 });
});
console.log(JSON.stringify({ port }));
