import { FileError, type Files } from "../machine/files.ts";
import { handleFiles } from "./files_api.ts";
import { callFilesystem } from "./filesystem_rpc.ts";
import { handleProcess } from "./process_rpc.ts";
import { HttpError } from "../http.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";

/** What envd, E2B's daemon in each sandbox, answers: health, files and commands. */
export async function handleEnvd(request: Request, sandbox: Sandbox): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (request.method === "GET" && pathname === "/health") return new Response(null, { status: 204 });
  if (request.headers.get("x-access-token") !== sandbox.envdAccessToken) {
    throw new HttpError(401, "unauthorized access, please provide a valid access token or method signing if supported");
  }
  if (pathname.startsWith("/process.Process/")) return await handleProcess(request, sandbox);
  return await handleAuthorized(request, pathname, sandbox.machine.files);
}

async function handleAuthorized(request: Request, pathname: string, files: Files): Promise<Response> {
  if (pathname === "/files") return await handleFiles(request, files);
  const method = /^\/filesystem\.Filesystem\/(\w+)$/.exec(pathname)?.[1];
  const answer = method === undefined ? undefined : callFilesystem(method);
  if (answer === undefined) {
    // The form in which the SDK's RPC client expects an error.
    return Response.json({
      code: "unimplemented",
      message: `${pathname}: commands and watchers are not supported locally`,
    }, { status: 501 });
  }
  try {
    return Response.json(await answer(request, files));
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const [code, status] = RPC_CODES[error.reason];
    return Response.json({ code, message: error.message }, { status });
  }
}

const RPC_CODES = {
  missing: ["not_found", 404],
  exists: ["already_exists", 409],
  isDirectory: ["invalid_argument", 400],
  notDirectory: ["invalid_argument", 400],
  forbidden: ["permission_denied", 403],
  noSpace: ["resource_exhausted", 429],
} as const satisfies Record<FileError["reason"], readonly [code: string, status: number]>;
