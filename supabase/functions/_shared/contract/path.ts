/**
 * What all requests say in the same way: ids, the path that they name, and how long its context may stand idle. Field
 * names are the wire's, snake_case.
 */
import { z } from "zod";

/** Longest id, in characters. */
const ID_CHARACTERS = 255;
/** Longest id, in bytes of UTF-8: three ids must fit in one entry of a Postgres B-tree (2,704 bytes). */
const ID_BYTES = 765;
/** E2B's longest sandbox life on its largest plan, in seconds. */
export const LONGEST_TTL_SECONDS = 24 * 60 * 60;

/** Length in bytes of UTF-8. */
export const utf8Length = (text: string) => new TextEncoder().encode(text).length;

/** Ids are the application's own. */
export const idSchema = z.string()
  .refine((id) => id.length > 0, "must not be empty")
  .refine((id) => [...id].length <= ID_CHARACTERS, `must be at most ${ID_CHARACTERS} characters`)
  .refine((id) => utf8Length(id) <= ID_BYTES, `must be at most ${ID_BYTES} bytes of UTF-8`)
  // Postgres stores neither.
  .refine((id) => !id.includes("\0") && id.isWellFormed(), "must be well-formed text without NUL characters");

/** What names a path, and how long its context may stand idle. */
export const pathFields = {
  tenant_id: idSchema.optional(),
  conversation_id: idSchema,
  path_id: idSchema,
  ttl_seconds: z.int().min(1).max(LONGEST_TTL_SECONDS).optional(),
};
