import { z } from "zod";
import { clientPath } from "./file_path.ts";
import type { FileStore, LiveEntry } from "./file_store.ts";
import { readBody } from "./http.ts";

const BODY_LIMIT = 64 * 1024;

const pathSchema = z.object({ path: clientPath });
// Protobuf's JSON leaves out what is empty or zero.
const listSchema = z.object({ path: clientPath.default("/home/user"), depth: z.int().min(0).default(0) });
const moveSchema = z.object({ source: clientPath, destination: clientPath });

type Method = (request: Request, files: FileStore) => Promise<unknown>;

const METHODS: Readonly<Record<string, Method>> = {
  Stat: async (request, files) => {
    const { path } = await readBody(request, pathSchema, BODY_LIMIT);
    return { entry: described(files.find(path)) };
  },
  ListDir: async (request, files) => {
    const { path, depth } = await readBody(request, listSchema, BODY_LIMIT);
    return { entries: files.list(path, Math.max(1, depth)).map(described) };
  },
  MakeDir: async (request, files) => {
    const { path } = await readBody(request, pathSchema, BODY_LIMIT);
    files.makeDirectory(path);
    return { entry: described(files.find(path)) };
  },
  Move: async (request, files) => {
    const { source, destination } = await readBody(request, moveSchema, BODY_LIMIT);
    files.move(source, destination);
    return { entry: described(files.find(destination)) };
  },
  Remove: async (request, files) => {
    const { path } = await readBody(request, pathSchema, BODY_LIMIT);
    files.remove(path);
    return {};
  },
};

/** A method of envd's service `filesystem.Filesystem`, if there is one of that name. */
export function callFilesystem(method: string): Method | undefined {
  return Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;
}

/** Protobuf's `EntryInfo` as JSON, where a 64-bit number is a string. */
function described(entry: LiveEntry) {
  const isFile = entry.kind === "file";
  return {
    name: entry.path.split("/").at(-1),
    type: isFile ? "FILE_TYPE_FILE" : "FILE_TYPE_DIRECTORY",
    path: entry.path,
    size: String(isFile ? entry.bytes.length : 0),
    mode: isFile ? 0o644 : 0o755,
    permissions: isFile ? "-rw-r--r--" : "drwxr-xr-x",
    owner: "user",
    group: "user",
    modifiedTime: entry.modified.toISOString(),
  };
}
