import { clientPathOf } from "../machine/file_path.ts";
import { type Entry, FileError, type Files } from "../machine/files.ts";
import { check, HttpError, readBytes } from "../http.ts";
import { baseName } from "./entry_info.ts";
import { metadataOf } from "./metadata.ts";
import { type User, userNamed } from "./user.ts";

const UPLOAD_LIMIT = 65 * 1024 * 1024;

const STATUS = {
  missing: 404,
  exists: 400,
  isDirectory: 400,
  notDirectory: 400,
  forbidden: 403,
  noSpace: 507,
} as const satisfies Record<FileError["reason"], number>;

/** Whole files: `GET /files` and `POST /files`. */
export async function handleFiles(request: Request, files: Files): Promise<Response> {
  const query = new URL(request.url).searchParams;
  const user = requireUser(query.get("username"));
  const path = query.get("path");
  try {
    switch (request.method) {
      case "GET":
        return await download(files, resolved(path ?? "", user));
      case "POST":
        return await upload(request, files, path, user);
      default:
        throw new HttpError(405, `method ${request.method} is not allowed`);
    }
  } catch (error) {
    if (error instanceof FileError) throw new HttpError(STATUS[error.reason], error.message);
    throw error;
  }
}

async function download(files: Files, path: string): Promise<Response> {
  const bytes = await files.read(path);
  return new Response(bytes, {
    // Any other type might be compressed on the way. The SDK asks whether the
    // length is 0.
    headers: { "Content-Type": "application/octet-stream", "Content-Length": String(bytes.length) },
  });
}

async function upload(request: Request, files: Files, path: string | null, user: User): Promise<Response> {
  const metadata = metadataOf(request.headers);
  const written: Entry[] = [];
  for (const file of await uploadedFiles(request, path, user)) {
    if (written.some((entry) => entry.path === file.path)) {
      throw new HttpError(400, `several files are for '${file.path}': the first was written, and those before it`);
    }
    written.push(await files.write(file.path, file.bytes, metadata));
  }
  return Response.json(written.map((entry) => ({
    name: baseName(entry.path),
    type: "file",
    path: entry.path,
    metadata: entry.metadata,
  })));
}

interface Upload {
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

async function uploadedFiles(request: Request, givenPath: string | null, user: User): Promise<Upload[]> {
  const type = request.headers.get("content-type") ?? "";
  const bytes = await readBytes(decoded(request), UPLOAD_LIMIT, 507);
  if (type.startsWith("application/octet-stream")) {
    if (givenPath === null) throw new HttpError(400, "path is missing");
    return [{ path: resolved(givenPath, user), bytes }];
  }
  const form = await new Response(bytes, { headers: { "Content-Type": type } }).formData().catch(() => null);
  if (form === null) throw new HttpError(400, "body is neither a form nor an octet-stream");
  const parts = form.getAll("file").filter((part) => part instanceof File);
  return await Promise.all(parts.map(async (part) => ({
    // The whole path is the part's file name, but a path in the query wins.
    path: resolved(givenPath ?? part.name, user),
    bytes: await part.bytes(),
  })));
}

function resolved(path: string, { home }: User): string {
  return check(path, clientPathOf(home));
}

function requireUser(name: string | null): User {
  const user = userNamed(name);
  if (user === undefined) throw new HttpError(401, `error looking up user '${name}': there is none of that name`);
  return user;
}

function decoded(request: Request): ReadableStream<Uint8Array<ArrayBuffer>> | null {
  const encoding = request.headers.get("content-encoding") ?? "identity";
  switch (encoding) {
    case "identity":
      return request.body;
    case "gzip":
      return request.body?.pipeThrough(new DecompressionStream("gzip")) ?? null;
    default:
      throw new HttpError(400, `content encoding ${encoding} is not supported`);
  }
}
