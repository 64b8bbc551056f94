import { z } from "zod";
import { check, HttpError, readBody } from "../http.ts";
import { idOf, isMeant, type Reference, type Snapshot } from "../sandbox/snapshots.ts";
import { BODY_LIMIT, type Handler } from "./control_plane.ts";
import { checkpointOf } from "./fork.ts";
import { pageOf } from "./page.ts";

// What a template may be called, with E2B.
const nameSchema = z.string().max(128).regex(
  /^[a-z0-9_-]+(?::[a-z0-9_.-]+)?$/,
  "a name has lower-case letters, digits, - and _, and perhaps a tag after a colon",
);

const createSchema = z.strictObject({ name: nameSchema.nullish() });

const querySchema = z.object({
  sandboxID: z.string().optional(),
  name: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(100).default(100),
  nextToken: z.coerce.number().int().optional(),
});

/** `POST /sandboxes/{id}/snapshots`: keeps what the sandbox is now. */
export const createSnapshot: Handler = async (request, plane, id) => {
  const { name } = await readBody(request, createSchema, BODY_LIMIT);
  if (name && isTemplate(name, plane.templates)) throw new HttpError(409, `name: '${name}' is a template's`);
  const checkpoint = await checkpointOf(plane, id, "snapshotted");
  const snapshot = plane.snapshots.add(checkpoint, name ? referenceOf(name) : null);
  return Response.json(listed(snapshot), { status: 201 });
};

/** `GET /snapshots`: a page of them, the latest first, and in a header the token of the next one. */
export const listSnapshots: Handler = (request, { snapshots }) => {
  const asked = check(Object.fromEntries(new URL(request.url).searchParams), querySchema);
  const matching = snapshots.all().toReversed()
    .filter(({ checkpoint }) => checkpoint.sandboxId === (asked.sandboxID ?? checkpoint.sandboxId))
    .filter(asked.name === undefined ? () => true : isMeant(referenceOf(asked.name)));
  return pageOf(matching, { ...asked, order: "desc" }, listed);
};

/** `DELETE /templates/{id}`, of which snapshots are a kind. */
export const deleteSnapshot: Handler = (_request, { snapshots, templates }, id) => {
  const given = decoded(id);
  if (snapshots.remove(referenceOf(given))) return new Response(null, { status: 204 });
  if (isTemplate(given, templates)) throw new HttpError(403, `template '${given}' is the server's own`);
  throw new HttpError(404, `template '${given}' not found`);
};

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new HttpError(400, "the template's id is not validly encoded");
  }
}

/** What a client means by an id or a name. */
export function referenceOf(given: string): Reference {
  const [name = "", tag] = given.split(":");
  return { name, tag: tag ?? null };
}

function listed(snapshot: Snapshot) {
  return { snapshotID: idOf(snapshot), names: snapshot.name === null ? [] : [idOf(snapshot)] };
}

function isTemplate(given: string, templates: readonly string[]): boolean {
  return templates.includes(referenceOf(given).name);
}
