/**
 * Serves Edge Functions as the platform does, on a free port that it prints as `{"port":n}`. Ends when its standard
 * input closes, which the death of its parent does too.
 *
 * Arguments: the directory of the functions, then their names.
 */

import { pathToFileURL } from "node:url";
import { serve } from "./serve.ts";

interface EdgeFunction {
  fetch(request: Request): Response | Promise<Response>;
}

async function endWithParent(): Promise<never> {
  for await (const _ of Deno.stdin.readable);
  Deno.exit();
}

/** The platform keeps a worker alive for these; here it lives anyway, and a failure has to be seen somewhere. */
function waitUntil(promise: Promise<unknown>): void {
  promise.catch((error) => console.error("EdgeRuntime.waitUntil:", error));
}

function isEdgeFunction(value: unknown): value is EdgeFunction {
  return typeof value === "object" && value !== null && "fetch" in value && typeof value.fetch === "function";
}

async function load(directory: string, name: string): Promise<[string, EdgeFunction]> {
  const module: { default?: unknown } = await import(pathToFileURL(`${directory}/${name}/index.ts`).href);
  if (!isEdgeFunction(module.default)) throw new TypeError(`${name}/index.ts has no default export { fetch }`);
  return [name, module.default];
}

function failed(error: unknown): Response {
  console.error(error);
  const body = { code: "WORKER_ERROR", message: "Function exited due to an error (please check logs)" };
  return Response.json(body, { status: 500, headers: { "sb-error-code": body.code } });
}

const [directory = "", ...names] = Deno.args;
endWithParent();
Object.assign(globalThis, { EdgeRuntime: { waitUntil } });
const functions = new Map(await Promise.all(names.map((name) => load(directory, name))));

const { port } = await serve({ onError: failed }, (request) => {
  const [, name = ""] = new URL(request.url).pathname.split("/");
  return functions.get(name)?.fetch(request) ?? new Response("Not found", { status: 404 });
});
console.log(JSON.stringify({ port }));
