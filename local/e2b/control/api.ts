import { z } from "zod";
import { check, HttpError, readBody } from "../http.ts";
import type { SandboxRegistry } from "../sandbox/registry.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";

const BODY_LIMIT = 1024 * 1024;
// The longest life a paid plan of E2B grants.
const MAX_TIMEOUT_S = 24 * 60 * 60;
const DEFAULT_TIMEOUT_S = { v1: 15, v2: 300 } as const;
const ENVD_VERSION = "0.6.4";

const timeout = z.int().min(0).max(MAX_TIMEOUT_S).optional();
const strings = z.record(z.string(), z.string()).nullish().transform((given) => given ?? {});
const createSchema = z.object({
  templateID: z.string().min(1),
  metadata: strings,
  envVars: strings,
  timeout,
  allow_internet_access: z.boolean().default(true),
  network: z.object({
    allowPublicTraffic: z.boolean().optional(),
    allowOut: z.array(z.string()).optional(),
    denyOut: z.array(z.string()).optional(),
  }).nullish(),
});
const connectSchema = z.object({ timeout });
// An over-long timeout is cut down here, where create and connect refuse it.
const timeoutSchema = z.object({ timeout: z.number().min(0) });
const listSchema = z.object({
  metadata: z.string().optional(),
  state: z.string().optional(),
  template: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(100).default(100),
  nextToken: z.coerce.number().int().optional(),
  order: z.enum(["asc", "desc"]).default("desc"),
  startedAfter: z.coerce.date().optional(),
});

type Version = keyof typeof DEFAULT_TIMEOUT_S;
type Handler = (
  request: Request,
  sandboxes: SandboxRegistry,
  id: string,
) => Response | Promise<Response>;

const create = (version: Version): Handler => async (request, sandboxes) => {
  const body = await readBody(request, createSchema, BODY_LIMIT);
  const sandbox = sandboxes.create({
    templateId: body.templateID,
    metadata: body.metadata,
    environment: body.envVars,
    allowPublicTraffic: body.network?.allowPublicTraffic ?? true,
    egress: {
      allow: body.network?.allowOut ?? [],
      deny: body.network?.denyOut ?? (body.allow_internet_access ? [] : ["0.0.0.0/0"]),
    },
    timeoutMs: (body.timeout ?? DEFAULT_TIMEOUT_S[version]) * 1000,
  });
  return Response.json(created(sandbox), { status: 201 });
};

const connect = (version: Version): Handler => async (request, sandboxes, id) => {
  const body = await readBody(request, connectSchema, BODY_LIMIT);
  const sandbox = find(sandboxes, id);
  sandbox.extendTimeout((body.timeout ?? DEFAULT_TIMEOUT_S[version]) * 1000);
  return Response.json(created(sandbox));
};

const setTimeout: Handler = async (request, sandboxes, id) => {
  const body = await readBody(request, timeoutSchema, BODY_LIMIT);
  find(sandboxes, id).setTimeout(Math.min(body.timeout, MAX_TIMEOUT_S) * 1000);
  return new Response(null, { status: 204 });
};

const kill: Handler = (_request, sandboxes, id) => {
  find(sandboxes, id).finish("kill");
  return new Response(null, { status: 204 });
};

const get: Handler = (_request, sandboxes, id) => Response.json(described(find(sandboxes, id)));

const list: Handler = (request, sandboxes) => {
  const query = new URL(request.url).searchParams;
  const asked = check(Object.fromEntries(query), listSchema);
  const states = asked.state?.split(",") ?? ["running"];
  const metadata = metadataFilter(asked.metadata ?? "");
  const matching = sandboxes.running().filter((sandbox) =>
    states.includes("running") &&
    sandbox.startedAt >= (asked.startedAfter ?? new Date(0)) &&
    sandbox.record.templateId === (asked.template ?? sandbox.record.templateId) &&
    metadata.every(([key, value]) => sandbox.record.metadata[key] === value)
  );
  if (asked.order === "desc") matching.reverse();
  const after = asked.nextToken;
  const rest = after === undefined
    ? matching
    : matching.filter((sandbox) => asked.order === "desc" ? sandbox.sequence < after : sandbox.sequence > after);
  const page = rest.slice(0, asked.limit);
  const last = page.at(-1);
  const headers = last !== undefined && page.length < rest.length
    ? { "x-next-token": String(last.sequence) }
    : undefined;
  return Response.json(page.map(described), { headers });
};

const ROUTES: readonly [method: string, path: RegExp, handler: Handler][] = [
  ["POST", /^\/sandboxes$/, create("v1")],
  ["POST", /^\/v2\/sandboxes$/, create("v2")],
  ["GET", /^\/v2\/sandboxes$/, list],
  ["POST", /^\/sandboxes\/([^/]+)\/connect$/, connect("v1")],
  ["POST", /^\/v2\/sandboxes\/([^/]+)\/connect$/, connect("v2")],
  ["POST", /^\/sandboxes\/([^/]+)\/timeout$/, setTimeout],
  ["GET", /^\/sandboxes\/([^/]+)$/, get],
  ["DELETE", /^\/sandboxes\/([^/]+)$/, kill],
];

/** The control plane: what `api.e2b.app` answers. */
export function handleApi(
  request: Request,
  sandboxes: SandboxRegistry,
  apiKey: string,
): Response | Promise<Response> {
  if (request.headers.get("x-api-key") !== apiKey) {
    throw new HttpError(401, "Invalid API key");
  }
  const { pathname } = new URL(request.url);
  for (const [method, path, handler] of ROUTES) {
    const match = path.exec(pathname);
    if (match !== null && method === request.method) {
      return handler(request, sandboxes, match[1] ?? "");
    }
  }
  throw new HttpError(404, `no route for ${request.method} ${pathname}`);
}

function find(sandboxes: SandboxRegistry, id: string): Sandbox {
  const sandbox = sandboxes.find(id);
  if (sandbox === null) throw new HttpError(404, `Sandbox "${id}" not found`);
  return sandbox;
}

/** SDKs encode each key and value before they encode the whole filter. */
function metadataFilter(filter: string): [key: string, value: string][] {
  try {
    return [...new URLSearchParams(filter)].map(([key, value]) => [
      decodeURIComponent(key),
      decodeURIComponent(value),
    ]);
  } catch {
    throw new HttpError(400, "metadata is not validly encoded");
  }
}

function identity(sandbox: Sandbox) {
  return {
    sandboxID: sandbox.sandboxId,
    templateID: sandbox.record.templateId,
    alias: sandbox.record.templateId,
    clientID: "local",
    envdVersion: ENVD_VERSION,
    domain: null,
  };
}

function created(sandbox: Sandbox) {
  return {
    ...identity(sandbox),
    envdAccessToken: sandbox.envdAccessToken,
    trafficAccessToken: sandbox.trafficAccessToken,
  };
}

function described(sandbox: Sandbox) {
  const { metadata, startedAt, endAt } = sandbox.record;
  return {
    ...identity(sandbox),
    state: "running",
    metadata,
    startedAt,
    endAt,
    cpuCount: 1,
    memoryMB: 1024,
    diskSizeMB: 0,
  };
}
