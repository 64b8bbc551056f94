import { HttpError } from "../http.ts";
import { type ControlPlane, findSandbox } from "./control_plane.ts";

/**
 * What E2B's control plane has and this one has not. A path with a group names a sandbox, which must be there. What gets
 * a route loses its row.
 */
const UNSUPPORTED: readonly [path: RegExp, what: string, why: string][] = [
  [/^\/sandboxes\/([^/]+)\/resume$/, "resuming a sandbox by a route of its own", "connecting to it does that"],
  [/^\/sandboxes\/([^/]+)\/network$/, "changing a sandbox's network", "a local sandbox has none"],
  [/^\/sandboxes\/([^/]+)\/refreshes$/, "refreshing a sandbox", "setting its timeout does the same"],
  [/^\/sandboxes\/metrics$/, "measuring sandboxes", "nobody looks at what their processes use"],
  [/^\/sandboxes\/([^/]+)\/metrics$/, "measuring a sandbox", "nobody looks at what its processes use"],
  [/^(?:\/v2)?\/sandboxes\/([^/]+)\/logs$/, "the log of a sandbox", "none is kept"],
  [/^\/sandboxes$/, "version 1 of the list of sandboxes", "version 2 is at /v2/sandboxes"],
  [/^(?:\/v[23])?\/templates(?:\/|$)/, "building and listing templates", "nothing is built here"],
  [/^\/volume(?:s|content)(?:\/|$)/, "keeping files in volumes", "they live as long as their sandbox"],
  [/^\/secrets(?:\/|$)/, "keeping secrets", "a local sandbox has no network to use them in"],
  [/^\/teams(?:\/|$)/, "asking about teams", "there is one API key and nobody behind it"],
];

/** For what is not there to be had, in words that clients show: an SDK takes 404 for a sandbox that has ended. */
export function unsupported(what: string, why: string): HttpError {
  return new HttpError(501, `${what} is not supported by the local sandbox server: ${why}`);
}

/** The error for a request that no route takes. */
export function refusalOf({ method, url }: Request, plane: ControlPlane): HttpError {
  const { pathname } = new URL(url);
  for (const [path, what, why] of UNSUPPORTED) {
    const match = path.exec(pathname);
    if (match === null) continue;
    if (match[1] !== undefined) findSandbox(plane, match[1]);
    return unsupported(what, why);
  }
  return unsupported(`${method} ${pathname}`, "it has no such route");
}
