/** Loads an Edge Function, in whichever of the two ways it is written. */

import { pathToFileURL } from "node:url";
import { LOOPBACK } from "../port.ts";

export type Handler = (request: Request) => Response | Promise<Response>;

/** What the second parameter of `Deno.serve`'s handler says. Everybody comes through the gateway. */
const INFO = { remoteAddr: { transport: "tcp", hostname: LOOPBACK, port: 0 }, completed: Promise.resolve() };

/**
 * Imports a module that has a default export `{ fetch }`, or that calls `Deno.serve`, which serves nothing here: what it
 * was given is the function. One module at a time, or nobody knows whose call it was.
 * @param load imports a module by its URL
 * @throws {TypeError} when it does neither
 */
export async function loadHandler(
  name: string,
  entrypoint: string,
  load: (url: string) => Promise<{ default?: unknown }> = (url) => import(url),
): Promise<Handler> {
  let served: Handler | undefined;
  Object.defineProperty(Deno, "serve", {
    configurable: true,
    value: (...parameters: unknown[]) => {
      served = parameters.map(servedHandler).find((handler) => handler !== undefined);
      const never = new Promise<void>(() => {});
      return { addr: INFO.remoteAddr, finished: never, shutdown: () => never, ref: () => {}, unref: () => {} };
    },
  });
  const exported = (await load(pathToFileURL(entrypoint).href)).default;
  if (hasFetch(exported)) return (request) => exported.fetch(request);
  if (served !== undefined) return served;
  throw new TypeError(`${name} has no default export { fetch }, and calls no Deno.serve while it is imported`);
}

function hasFetch(value: unknown): value is { fetch: Handler } {
  return typeof value === "object" && value !== null && "fetch" in value && typeof value.fetch === "function";
}

/** A parameter of `Deno.serve` that is the handler, or has it. */
function servedHandler(parameter: unknown): Handler | undefined {
  if (typeof parameter === "function") return (request) => parameter(request, INFO);
  if (typeof parameter !== "object" || parameter === null || !("handler" in parameter)) return undefined;
  return servedHandler(parameter.handler);
}
