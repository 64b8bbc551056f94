import { z } from "zod";
import { check, HttpError } from "../http.ts";
import type { Handler } from "./control_plane.ts";
import { listed } from "./description.ts";
import { pageOf } from "./page.ts";

const querySchema = z.object({
  metadata: z.string().default(""),
  state: z.string().default("running,paused").transform((states) => states.split(","))
    .pipe(z.array(z.enum(["running", "paused"]))),
  template: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(100).default(100),
  nextToken: z.coerce.number().int().optional(),
  order: z.enum(["asc", "desc"]).default("desc"),
  startedAfter: z.coerce.date().default(new Date(0)),
});

/** `GET /v2/sandboxes`: a page of them, and in a header the token of the next one. As with E2B, one being copied is not there. */
export const list: Handler = (request, { sandboxes }) => {
  const asked = check(Object.fromEntries(new URL(request.url).searchParams), querySchema);
  const metadata = metadataFilter(asked.metadata);
  const matching = sandboxes.living().filter((sandbox) =>
    !sandbox.isSnapshotting &&
    asked.state.some((state) => state === sandbox.state) &&
    sandbox.startedAt >= asked.startedAfter &&
    sandbox.init.templateId === (asked.template ?? sandbox.init.templateId) &&
    metadata.every(([key, value]) => sandbox.init.metadata[key] === value)
  );
  if (asked.order === "desc") matching.reverse();
  return pageOf(matching, asked, listed);
};

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
