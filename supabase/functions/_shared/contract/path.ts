/**
 * What all requests say in the same way: ids, the path that they name, and how long its context may stand idle. Field
 * names are the wire's, snake_case.
 */
import * as z from "zod/mini";
import { expectsSchema } from "./state.ts";

/** Longest id, in characters. */
const ID_CHARACTERS = 255;
/** Longest id, in bytes of UTF-8: three ids must fit in one entry of a Postgres B-tree (2,704 bytes). */
const ID_BYTES = 765;
/** E2B's longest sandbox life on its largest plan, in seconds. */
export const LONGEST_TTL_SECONDS = 24 * 60 * 60;

/** Length in bytes of UTF-8. */
export const utf8Length = (text: string) => new TextEncoder().encode(text).length;

/** Whether a text has at most so many bytes of UTF-8. One that is far longer is not encoded for the answer. */
export function isWithin(bytes: number, text: string): boolean {
  // A UTF-16 unit is one byte at least, and three at most.
  return text.length <= bytes && (text.length * 3 <= bytes || utf8Length(text) <= bytes);
}

/** An object of these fields and no others. */
export function strictFields<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape, {
    // Zod's own message quotes every unknown name, however long.
    error: (issue) => issue.code === "unrecognized_keys" ? "is not a field of this request" : undefined,
  });
}

/** Ids are the application's own. */
export const idSchema = z.string().check(
  z.refine((id) => id.length > 0, "must not be empty"),
  // A character is two units at most. What has more is not taken apart, and no later check sees it.
  z.refine((id) => id.length <= 2 * ID_CHARACTERS && [...id].length <= ID_CHARACTERS, {
    message: `must be at most ${ID_CHARACTERS} characters`,
    abort: true,
  }),
  z.refine((id) => isWithin(ID_BYTES, id), `must be at most ${ID_BYTES} bytes of UTF-8`),
  // Postgres stores neither.
  z.refine((id) => !id.includes("\0") && id.isWellFormed(), "must be well-formed text without NUL characters"),
);

/** Whom a request is for. Services name the tenant, and the user if they act for one; users may name themselves. */
export const partyFields = {
  tenant_id: z.optional(idSchema),
  user_id: z.optional(idSchema),
};

/** What names a path, and how long its context may stand idle. */
export const pathFields = {
  ...partyFields,
  conversation_id: idSchema,
  path_id: idSchema,
  ttl_seconds: z.optional(z.int().check(z.minimum(1), z.maximum(LONGEST_TTL_SECONDS))),
  expects: z.optional(expectsSchema),
  /** The path of the same conversation as whose fork a new context begins, with its variables and files. */
  from_path_id: z.optional(idSchema),
  /** At the conversation's quota: ends its path that has been idle longest, rather than being refused. */
  evict: z.optional(z.literal("least_recently_used")),
};

/** A path has no context when it needs a new one, so it cannot begin with its own. */
export const fromAnotherPath = z.refine<{ path_id: string; from_path_id?: string }>(
  ({ path_id, from_path_id }) => from_path_id !== path_id,
  { path: ["from_path_id"], message: "must be another path than path_id" },
);
