import { HttpError } from "../http.ts";
import type { SandboxRegistry } from "../sandbox/registry.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { Snapshots } from "../sandbox/snapshots.ts";

/** What the control plane answers from. */
export interface ControlPlane {
  readonly sandboxes: SandboxRegistry;
  readonly snapshots: Snapshots;
  /** The templates that sandboxes can be made of. They are all alike here. */
  readonly templates: readonly string[];
  readonly apiKey: string;
}

/** Answers one route; `id` is what the route's path names, if anything. */
export type Handler = (request: Request, plane: ControlPlane, id: string) => Response | Promise<Response>;

/** Most bytes of a request's body. */
export const BODY_LIMIT = 1024 * 1024;

/** @throws {HttpError} 404, the word on which clients give a sandbox up */
export function findSandbox({ sandboxes }: ControlPlane, id: string): Sandbox {
  const sandbox = sandboxes.find(id);
  if (sandbox === null) throw new HttpError(404, `Sandbox "${id}" not found`);
  return sandbox;
}
