import { HttpError } from "../http.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { ConnectError, connectErrorOf } from "./connect_error.ts";
import { isStreaming, refuseStream } from "./connect_stream.ts";
import { handleFiles } from "./files_api.ts";
import { filesystemMethod } from "./filesystem_rpc.ts";
import { callProcess } from "./process_rpc.ts";
import { requireTokenOrSignature } from "./signature.ts";
import { callerOf } from "./user.ts";
import { watchDirectory } from "./watch.ts";

/** What envd, E2B's daemon in each sandbox, answers: health, files and commands. */
export async function handleEnvd(request: Request, sandbox: Sandbox): Promise<Response> {
  const { pathname } = new URL(request.url);
  const token = sandbox.envdAccessToken;
  if (request.method === "GET" && pathname === "/health") return new Response(null, { status: 204 });
  if (pathname === "/files") {
    if (token !== null) requireTokenOrSignature(request, token);
    return await handleFiles(request, sandbox.machine.files);
  }
  if (token !== null && request.headers.get("x-access-token") !== token) {
    throw new HttpError(401, "unauthorized access, please provide a valid access token or method signing if supported");
  }
  const [, service, method] = /^\/(\w+\.\w+)\/(\w+)$/.exec(pathname) ?? [];
  if (service === undefined || method === undefined) {
    throw new HttpError(501, `${request.method} ${pathname} is not supported by the local sandbox`);
  }
  try {
    return await call(service, method, request, sandbox);
  } catch (thrown) {
    const error = connectErrorOf(thrown);
    return isStreaming(request) ? refuseStream(error) : error.toResponse();
  }
}

async function call(service: string, method: string, request: Request, sandbox: Sandbox): Promise<Response> {
  if (service === "process.Process") return await callProcess(method, request, sandbox);
  const user = callerOf(request);
  if (service === "filesystem.Filesystem") {
    if (method === "WatchDir") return watchDirectory(request, sandbox, user);
    const answer = filesystemMethod(method);
    if (answer !== undefined) return Response.json(await answer(request, sandbox, user));
  }
  throw new ConnectError("unimplemented", `${service}/${method} is not supported by the local sandbox`);
}
