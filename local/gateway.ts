/** One address for everything, as a Supabase project has: routes, and swaps API keys for role tokens. */

import type { Auth, KeyKind } from "./auth/auth.ts";
import type { Functions } from "./functions/functions.ts";
import type { Page } from "./page/page.ts";
import { LOOPBACK } from "./port.ts";
import { forward } from "./proxy.ts";
import { serve } from "./serve.ts";

/** What the gateway leads to. */
export interface Routes {
  readonly auth: Auth;
  readonly functions: Functions;
  readonly restUrl: string;
  /** Serves what is no part of the API. */
  readonly page?: Pick<Page, "handle">;
  readonly keys: Readonly<Record<KeyKind, string>>;
  /** What PostgREST gets in the place of a key. */
  readonly roleTokens: Readonly<Record<KeyKind, string>>;
}

export interface Gateway {
  readonly url: string;
  /** Starts answering; until then every request gets a 503. */
  open(routes: Routes): void;
  /** Closes the port and every connection. */
  stop(): Promise<void>;
}

const CORS = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers":
    "content-encoding, content-location, content-range, content-type, preference-applied",
};

/**
 * Takes the port, so that the address is known before what lies behind it is started.
 * @param port 0 for any free one
 * @throws {Deno.errors.AddrInUse} when the port is taken
 */
export async function startGateway(port: number): Promise<Gateway> {
  let routes: Routes | undefined;
  const server = await serve({
    port,
    onError: (error) => problem(500, { message: `The gateway failed: ${error}` }),
  }, (request) => {
    if (routes === undefined) return problem(503, { message: "The stack is starting" });
    return route(request, routes);
  });
  return {
    url: `http://${LOOPBACK}:${server.port}`,
    open: (opened) => routes = opened,
    stop: () => server.stop(),
  };
}

async function route(request: Request, routes: Routes): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (isSecretInBrowser(request, routes.keys.secret)) {
    return problem(401, { message: "Forbidden use of secret API key in browser", hint: "It is for servers alone." });
  }
  // A function answers its own OPTIONS: it alone knows which headers it takes.
  const [, name] = /^\/functions\/v1\/([^/]+)/.exec(pathname) ?? [];
  if (name !== undefined) return await routes.functions.call(name, request);

  const answer = /^\/rest\/v1(\/|$)/.test(pathname) ? rest : /^\/auth\/v1\//.test(pathname) ? auth : undefined;
  if (answer === undefined) {
    return await routes.page?.handle(request) ?? problem(404, { message: "no Route matched with those values" });
  }
  if (request.method === "OPTIONS") return preflight(request);
  return withCors(await answer(request, routes));
}

/** The key is the same on every machine: any page could use it. A browser says whose page asks. */
function isSecretInBrowser({ headers, url }: Request, secret: string): boolean {
  const shown = [headers.get("apikey"), headers.get("authorization"), new URL(url).searchParams.get("apikey")];
  return headers.has("origin") && shown.some((text) => text?.includes(secret));
}

async function rest(request: Request, routes: Routes): Promise<Response> {
  const shown = showsKey(request, routes.keys);
  if (shown.outcome !== "known") return refuse(shown);
  const url = new URL(request.url);
  url.searchParams.delete("apikey");
  const target = new URL(url.pathname.slice("/rest/v1".length) + url.search, routes.restUrl);
  const headers = new Headers(request.headers);
  headers.delete("apikey");
  // A user's own token goes through, and PostgREST verifies it. A key is no token.
  if (!shown.userToken) headers.set("authorization", `Bearer ${routes.roleTokens[shown.key]}`);
  try {
    return await forward(request, target, { headers });
  } catch (error) {
    return problem(503, { message: `PostgREST did not answer: ${error}` });
  }
}

async function auth(request: Request, routes: Routes): Promise<Response> {
  const shown = showsKey(request, routes.keys);
  // The public keys are public: they need no key, which Auth knows.
  if (shown.outcome === "unknown") return refuse(shown);
  return await routes.auth.handle(request, shown.outcome === "known" ? shown.key : null);
}

type ShownKey =
  | { readonly outcome: "known"; readonly key: KeyKind; readonly userToken: boolean }
  | { readonly outcome: "missing" }
  | { readonly outcome: "unknown" };

function showsKey(request: Request, keys: Routes["keys"]): ShownKey {
  const apikey = request.headers.get("apikey") ?? new URL(request.url).searchParams.get("apikey");
  if (apikey === null) return { outcome: "missing" };
  const key = apikey === keys.secret ? "secret" : apikey === keys.publishable ? "publishable" : undefined;
  if (key === undefined) return { outcome: "unknown" };
  const bearer = /^Bearer\s+(.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (bearer === undefined || bearer === apikey) return { outcome: "known", key, userToken: false };
  // Another key than `apikey` says: taking either of them would be a guess.
  if (bearer.startsWith("sb_")) return { outcome: "unknown" };
  return { outcome: "known", key, userToken: true };
}

function refuse({ outcome }: { readonly outcome: "missing" | "unknown" }): Response {
  return outcome === "missing"
    ? problem(401, {
      message: "No API key found in request",
      hint: "No `apikey` request header or url param was found.",
    })
    : problem(401, { message: "Invalid API key", hint: "`deno task start` prints the keys of the local stack." });
}

function preflight(request: Request): Response {
  return new Response(null, {
    status: 204,
    headers: {
      ...CORS,
      "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
      "access-control-allow-headers": request.headers.get("access-control-request-headers") ?? "*",
      "access-control-max-age": "3600",
    },
  });
}

function withCors(response: Response): Response {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(CORS)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

function problem(status: number, body: { readonly message: string; readonly hint?: string }): Response {
  return Response.json(body, { status, headers: CORS });
}
