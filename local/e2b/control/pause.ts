import { z } from "zod";
import { HttpError, readBody } from "../http.ts";
import { BODY_LIMIT, type ControlPlane, findSandbox, type Handler } from "./control_plane.ts";
import { access } from "./description.ts";
import { timeoutMs, timeoutSchema, type Version } from "./timeout.ts";
import { unsupported } from "./unsupported.ts";

const pauseSchema = z.object({ memory: z.boolean().nullish() });
const connectSchema = z.object({ timeout: timeoutSchema, memory: z.boolean().nullish() });

/** `POST /sandboxes/{id}/pause`: 409 if it is paused already, or just being paused. */
export const pause: Handler = async (request, plane, id) => {
  const { memory } = await readBody(request, pauseSchema, BODY_LIMIT);
  const sandbox = findSandbox(plane, id);
  requirePauses(plane, "pausing a sandbox");
  requireMemory(memory, "pausing a sandbox without its memory");
  const isPaused = await sandbox.pause();
  // It may have ended meanwhile.
  if (!isPaused) throw new HttpError(409, `Sandbox "${findSandbox(plane, id).sandboxId}" is already paused`);
  return new Response(null, { status: 204 });
};

/** `POST …/connect`: 201 for a sandbox that was paused and got a new timeout, 200 for one that ran and was given more time. */
export const connect = (version: Version): Handler => async (request, plane, id) => {
  const { timeout, memory } = await readBody(request, connectSchema, BODY_LIMIT);
  const sandbox = findSandbox(plane, id);
  if (sandbox.state === "paused") requireMemory(memory, "resuming a sandbox without its memory");
  const milliseconds = timeoutMs(timeout, version);
  const isResumed = await sandbox.resume(milliseconds);
  findSandbox(plane, id).extendTimeout(milliseconds);
  return Response.json(access(sandbox), { status: isResumed ? 201 : 200 });
};

/** @throws {HttpError} 501 where sandboxes cannot be paused */
export function requirePauses({ sandboxes }: ControlPlane, what: string): void {
  if (!sandboxes.canPause) throw unsupported(what, `on ${Deno.build.os} it cannot stop a program and let it go on`);
}

/** To lose the memory without being told would be a surprise, and so would be to keep it. */
function requireMemory(memory: boolean | null | undefined, what: string): void {
  if (memory === false) throw unsupported(what, "its processes are stopped as they are");
}
