import { z } from "zod";
import { HttpError, readBody } from "../http.ts";
import { BODY_LIMIT, type ControlPlane, findSandbox, type Handler } from "./control_plane.ts";
import { create } from "./create.ts";
import { detailed } from "./description.ts";
import { fork } from "./fork.ts";
import { list } from "./list.ts";
import { connect, pause } from "./pause.ts";
import { createSnapshot, deleteSnapshot, listSnapshots } from "./snapshots.ts";
import { MAX_TIMEOUT_S } from "./timeout.ts";
import { refusalOf } from "./unsupported.ts";

// An over-long timeout is cut down here, where create and connect refuse it.
const setTimeoutSchema = z.object({ timeout: z.number().min(0) });

const setTimeout: Handler = async (request, plane, id) => {
  const body = await readBody(request, setTimeoutSchema, BODY_LIMIT);
  const sandbox = findSandbox(plane, id);
  if (sandbox.state === "paused") throw new HttpError(404, `Sandbox "${id}" is not running: it is paused`);
  sandbox.setTimeout(Math.min(body.timeout, MAX_TIMEOUT_S) * 1000);
  return new Response(null, { status: 204 });
};

const kill: Handler = (_request, plane, id) => {
  findSandbox(plane, id).finish("kill");
  return new Response(null, { status: 204 });
};

const get: Handler = (_request, plane, id) => Response.json(detailed(findSandbox(plane, id)));

const ROUTES: readonly [method: string, path: RegExp, handler: Handler][] = [
  ["POST", /^\/sandboxes$/, create("v1")],
  ["POST", /^\/v2\/sandboxes$/, create("v2")],
  ["GET", /^\/v2\/sandboxes$/, list],
  ["POST", /^\/sandboxes\/([^/]+)\/connect$/, connect("v1")],
  ["POST", /^\/v2\/sandboxes\/([^/]+)\/connect$/, connect("v2")],
  ["POST", /^\/sandboxes\/([^/]+)\/timeout$/, setTimeout],
  ["POST", /^\/sandboxes\/([^/]+)\/pause$/, pause],
  ["POST", /^\/sandboxes\/([^/]+)\/fork$/, fork],
  ["POST", /^\/sandboxes\/([^/]+)\/snapshots$/, createSnapshot],
  ["GET", /^\/snapshots$/, listSnapshots],
  ["DELETE", /^\/templates\/([^/]+)$/, deleteSnapshot],
  // Its path is no sandbox's, with E2B.
  ["GET", /^\/sandboxes\/(?!metrics$)([^/]+)$/, get],
  ["DELETE", /^\/sandboxes\/([^/]+)$/, kill],
];

/** The control plane: what `api.e2b.app` answers. */
export function handleApi(request: Request, plane: ControlPlane): Response | Promise<Response> {
  if (request.headers.get("x-api-key") !== plane.apiKey) {
    throw new HttpError(401, "Invalid API key");
  }
  const { pathname } = new URL(request.url);
  for (const [method, path, handler] of ROUTES) {
    const match = path.exec(pathname);
    if (match !== null && method === request.method) {
      return handler(request, plane, match[1] ?? "");
    }
  }
  throw refusalOf(request, plane);
}
