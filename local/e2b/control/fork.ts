import { z } from "zod";
import { HttpError, readBody } from "../http.ts";
import type { Sandbox, SandboxCheckpoint } from "../sandbox/sandbox.ts";
import { BODY_LIMIT, type ControlPlane, findSandbox, type Handler } from "./control_plane.ts";
import { access } from "./description.ts";
import { timeoutMs, timeoutSchema } from "./timeout.ts";

const MAX_FORKS = 100;

const forkSchema = z.strictObject({
  count: z.int().min(1).max(MAX_FORKS).default(1),
  timeout: timeoutSchema,
});

/** `POST /sandboxes/{id}/fork`: 201 with what became of each fork, if the sandbox could be copied at all. */
export const fork: Handler = async (request, plane, id) => {
  const { count, timeout } = await readBody(request, forkSchema, BODY_LIMIT);
  const checkpoint = await checkpointOf(plane, id, "forked");
  // A fork lives as long as what version 1 creates.
  const init = { ...checkpoint.init, timeoutMs: timeoutMs(timeout, "v1") };
  const forks = Array.from({ length: count }, () => attempt(() => plane.sandboxes.createFrom(checkpoint, init)));
  return Response.json(forks, { status: 201 });
};

/**
 * What a sandbox is now; it goes on.
 * @throws {HttpError} 404 when it is not there, or not any more; 409 when it does not run; what its machine throws
 */
export async function checkpointOf(plane: ControlPlane, id: string, done: string): Promise<SandboxCheckpoint> {
  const checkpoint = await findSandbox(plane, id).checkpoint();
  switch (checkpoint.outcome) {
    case "done":
      return checkpoint.value;
    case "paused":
      throw new HttpError(409, `Sandbox "${id}" is paused and cannot be ${done}, resume it first`);
    case "ended":
      throw new HttpError(404, `Sandbox "${id}" not found`);
    default:
      throw new HttpError(409, `Sandbox "${id}" cannot be ${done} while in '${checkpoint.outcome}' state`);
  }
}

function attempt(make: () => Sandbox) {
  try {
    return { sandbox: access(make()) };
  } catch (error) {
    const { status, message } = error instanceof HttpError ? error : new HttpError(500, String(error));
    return { error: { code: status, message } };
  }
}
