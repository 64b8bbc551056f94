import { clientPath } from "../machine/file_path.ts";
import { FileError, type Files } from "../machine/files.ts";
import { check, HttpError, readBytes } from "../http.ts";

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
  try {
    switch (request.method) {
      case "GET":
        return await download(request, files);
      case "POST":
        return await upload(request, files);
      default:
        throw new HttpError(405, `method ${request.method} is not allowed`);
    }
  } catch (error) {
    if (error instanceof FileError) throw new HttpError(STATUS[error.reason], error.message);
    throw error;
  }
}

async function download(request: Request, files: Files): Promise<Response> {
  const bytes = await files.read(check(new URL(request.url).searchParams.get("path") ?? "", clientPath));
  return new Response(bytes, {
    // Any other type might be compressed on the way. The SDK asks whether the
    // length is 0.
    headers: { "Content-Type": "application/octet-stream", "Content-Length": String(bytes.length) },
  });
}

async function upload(request: Request, files: Files): Promise<Response> {
  const given = new URL(request.url).searchParams.get("path");
  const written = await uploadedFiles(request, given);
  for (const { path, bytes } of written) await files.write(path, bytes, {});
  return Response.json(written.map(({ path }) => ({ name: path.split("/").at(-1), type: "file", path })));
}

interface Upload {
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

async function uploadedFiles(request: Request, givenPath: string | null): Promise<Upload[]> {
  const type = request.headers.get("content-type") ?? "";
  const bytes = await readBytes(decoded(request), UPLOAD_LIMIT, 507);
  if (type.startsWith("application/octet-stream")) {
    if (givenPath === null) throw new HttpError(400, "path is missing");
    return [{ path: check(givenPath, clientPath), bytes }];
  }
  const form = await new Response(bytes, { headers: { "Content-Type": type } }).formData().catch(() => null);
  if (form === null) throw new HttpError(400, "body is neither a form nor an octet-stream");
  const parts = form.getAll("file").filter((part) => part instanceof File);
  return await Promise.all(parts.map(async (part) => ({
    // The whole path is the part's file name, but a path in the query wins.
    path: check(givenPath ?? part.name, clientPath),
    bytes: await part.bytes(),
  })));
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
