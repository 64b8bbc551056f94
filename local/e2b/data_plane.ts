import { handleEnvd } from "./envd/envd.ts";
import { sandboxOfUrl } from "./envd/file_url.ts";
import { handleCode } from "./code/code_api.ts";
import { handleJupyter } from "./code/jupyter_api.ts";
import type { SandboxRegistry } from "./sandbox/registry.ts";
import type { Sandbox } from "./sandbox/sandbox.ts";

const ENVD_PORT = "49983";
const CODE_PORT = "49999";
const JUPYTER_PORT = "8888";

/** What a sandbox itself answers; E2B routes by host name, this by headers. */
export async function handleDataPlane(
  request: Request,
  sandboxes: SandboxRegistry,
  sandboxId: string,
): Promise<Response> {
  const sandbox = sandboxes.find(sandboxId);
  if (sandbox === null) return notFound(sandboxId);
  const port = request.headers.get("e2b-sandbox-port") ?? "";
  // Before it is resumed: a stranger's request must not do that.
  if (port !== ENVD_PORT && !mayEnter(request, sandbox)) {
    return sandbox.isReachable ? noEntry(sandboxId) : notFound(sandboxId);
  }
  return await whileAwake(sandbox, Number(port), () => answer(request, sandbox, port));
}

function answer(request: Request, sandbox: Sandbox, port: string): Response | Promise<Response> {
  switch (port) {
    case ENVD_PORT:
      return handleEnvd(request, sandbox);
    case CODE_PORT:
      return handleCode(request, sandbox);
    case JUPYTER_PORT:
      return handleJupyter(request, sandbox);
    default:
      return notOpen(sandbox.sandboxId, Number(port));
  }
}

/** Whether a request that names no sandbox is for one all the same: SDKs give such URLs to whoever is to have a file. */
export function isFileUrl(request: Request): boolean {
  return new URL(request.url).pathname === "/files";
}

/** Answers such a request. */
export async function handleFileUrl(request: Request, sandboxes: SandboxRegistry): Promise<Response> {
  const sandbox = sandboxOfUrl(request, sandboxes);
  return await whileAwake(sandbox, Number(ENVD_PORT), () => handleEnvd(request, sandbox));
}

/**
 * A paused sandbox answers as one that is gone, unless requests resume it; so does one that is paused or ends meanwhile. One
 * that is copied meanwhile is there, but lets go of its connections.
 */
async function whileAwake(
  sandbox: Sandbox,
  port: number,
  handle: () => Response | Promise<Response>,
): Promise<Response> {
  if (!await sandbox.rouse()) return notFound(sandbox.sandboxId);
  const { connections } = sandbox;
  const broken = Promise.withResolvers<Response>();
  const breakOff = () => {
    broken.resolve(sandbox.isSnapshotting ? notOpen(sandbox.sandboxId, port) : notFound(sandbox.sandboxId));
  };
  connections.addEventListener("abort", breakOff);
  if (connections.aborted) breakOff();
  const handled = Promise.try(handle);
  try {
    const first = await Promise.race([handled, broken.promise]);
    // What comes later is for nobody, and may be broken off already.
    handled.then((late) => late === first ? undefined : late.body?.cancel()).catch(() => {});
    return first;
  } finally {
    connections.removeEventListener("abort", breakOff);
  }
}

function notOpen(sandboxId: string, port: number): Response {
  return proxyError(502, { sandboxId, message: "The sandbox is running but port is not open", port });
}

function notFound(sandboxId: string): Response {
  return proxyError(502, { sandboxId, message: "The sandbox was not found" });
}

function proxyError(
  code: number,
  fields: { sandboxId: string; message: string; port?: number },
): Response {
  return Response.json({ ...fields, code }, { status: code });
}

function noEntry(sandboxId: string): Response {
  return proxyError(403, { sandboxId, message: "Traffic access token is missing or wrong" });
}

function mayEnter(request: Request, sandbox: Sandbox): boolean {
  return sandbox.trafficAccessToken === null ||
    request.headers.get("e2b-traffic-access-token") === sandbox.trafficAccessToken;
}
