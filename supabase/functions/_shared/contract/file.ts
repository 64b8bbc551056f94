/** The files that a request brings, and those that it asks for. */
import * as z from "zod/mini";
import { isWithin, strictFields, utf8Length } from "./path.ts";

/** Most files in, and most outputs. */
const FILES = 20;
/** Most bytes of all files together. */
export const FILES_BYTES = 5 * 1024 * 1024;
/** Longest path, and longest name in it, in bytes of UTF-8, as Linux has them. */
const PATH_BYTES = 1024;
const NAME_BYTES = 255;

/** A file's path, from the working directory. It cannot leave that. */
export const filePathSchema = z.string().check(
  // No later check sees a path that is longer.
  z.refine((path) => path.length > 0 && isWithin(PATH_BYTES, path), {
    message: `must be of 1 to ${PATH_BYTES} bytes`,
    abort: true,
  }),
  z.refine((path) => !path.startsWith("/"), "must be relative to the working directory"),
  z.refine(
    (path) => path.split("/").every((name) => name !== "" && name !== "." && name !== ".."),
    "must not hold empty names, . or ..",
  ),
  z.refine(
    (path) => path.split("/").every((name) => isWithin(NAME_BYTES, name)),
    `must hold names of at most ${NAME_BYTES} bytes`,
  ),
  z.refine(
    (path) => !/[\p{Cc}\\"]/u.test(path) && path.isWellFormed(),
    "must not hold control characters, backslashes or double quotes",
  ),
);

const base64Schema = z.string().check(z.refine(
  // Looks for what must not be there. A pattern of what must be there tries again from every place that it has come to.
  (text) => text.length % 4 === 0 && !/[^A-Za-z0-9+/]/.test(text.slice(0, text.length - padding(text))),
  { message: "must be base64", abort: true },
));

/** How many bytes the last four characters of base64 lack. */
function padding(base64: string): number {
  return base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
}

export const fileSchema = strictFields({
  path: filePathSchema,
  content: z.optional(z.string()),
  content_base64: z.optional(base64Schema),
}).check(z.refine(
  (file) => (file.content === undefined) !== (file.content_base64 === undefined),
  "must have either content or content_base64",
));
export type InputFile = z.infer<typeof fileSchema>;

/** Whether there is room for all files; each takes its own off what the ones before it have left. */
export function fitTogether(files: readonly InputFile[]): boolean {
  let left = FILES_BYTES;
  for (const { content, content_base64 = "" } of files) {
    if (content !== undefined && content.length > left) return false;
    left -= content === undefined ? content_base64.length * 3 / 4 - padding(content_base64) : utf8Length(content);
  }
  return left >= 0;
}

/** As many as there may be files. They are counted before any is looked at. */
export function fewOf<Item extends z.ZodMiniType>(item: Item) {
  return z.pipe(z.array(z.unknown()).check(z.maxLength(FILES, { abort: true })), z.array(item));
}
