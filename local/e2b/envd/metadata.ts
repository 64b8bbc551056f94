import { HttpError } from "../http.ts";
import type { Metadata } from "../machine/files.ts";

const HEADER_PREFIX = "x-metadata-";
/** Linux counts this part of an extended attribute's name, too. */
const NAMESPACE = "user.e2b.";
const KEY_BYTES = 255 - NAMESPACE.length;
const ALL_BYTES = 4096;
const PRINTABLE = /^[\x20-\x7e]*$/;

/**
 * What an upload says about its files, in headers, as envd 0.6.2 and later reads it (the schema of envd in the `e2b`
 * package). Keys are in lower case, as names of headers are.
 *
 * @throws {HttpError} 400
 */
export function metadataOf(headers: Headers): Metadata {
  const metadata: Record<string, string> = {};
  let bytes = 0;
  for (const [name, value] of headers) {
    const key = name.startsWith(HEADER_PREFIX) ? name.slice(HEADER_PREFIX.length) : "";
    if (key === "") continue;
    if (!PRINTABLE.test(key) || !PRINTABLE.test(value)) {
      throw new HttpError(400, `invalid metadata: '${key}' or its value is not printable ASCII`);
    }
    if (key.length > KEY_BYTES) throw new HttpError(400, `invalid metadata: a key is longer than ${KEY_BYTES} bytes`);
    bytes += NAMESPACE.length + key.length + value.length;
    metadata[key] = value;
  }
  if (bytes > ALL_BYTES) throw new HttpError(400, `invalid metadata: it is more than ${ALL_BYTES} bytes`);
  return metadata;
}
