import { z } from "zod";
import { clientPath } from "../machine/file_path.ts";
import type { Entry, Files } from "../machine/files.ts";
import { readBody } from "../http.ts";

const BODY_LIMIT = 64 * 1024;

const pathSchema = z.object({ path: clientPath });
// Protobuf's JSON leaves out what is empty or zero.
const listSchema = z.object({ path: clientPath.default("/home/user"), depth: z.int().min(0).default(0) });
const moveSchema = z.object({ source: clientPath, destination: clientPath });

type Method = (request: Request, files: Files) => Promise<unknown>;

const METHODS: Readonly<Record<string, Method>> = {
  Stat: async (request, files) => {
    const { path } = await readBody(request, pathSchema, BODY_LIMIT);
    return { entry: described(await files.stat(path)) };
  },
  ListDir: async (request, files) => {
    const { path, depth } = await readBody(request, listSchema, BODY_LIMIT);
    return { entries: (await files.list(path, Math.max(1, depth))).map(described) };
  },
  MakeDir: async (request, files) => {
    const { path } = await readBody(request, pathSchema, BODY_LIMIT);
    return { entry: described(await files.makeDirectory(path)) };
  },
  Move: async (request, files) => {
    const { source, destination } = await readBody(request, moveSchema, BODY_LIMIT);
    return { entry: described(await files.move(source, destination)) };
  },
  Remove: async (request, files) => {
    const { path } = await readBody(request, pathSchema, BODY_LIMIT);
    await files.remove(path);
    return {};
  },
};

/** A method of envd's service `filesystem.Filesystem`, if there is one of that name. */
export function callFilesystem(method: string): Method | undefined {
  return Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;
}

/** Protobuf's `EntryInfo` as JSON, where a 64-bit number is a string. */
function described({ path, kind, target, size, mode, owner, group, modified }: Entry) {
  return {
    name: path.split("/").at(-1),
    type: TYPES[kind],
    path,
    size: String(size),
    mode,
    permissions: LETTERS[kind] + permissions(mode),
    owner,
    group,
    modifiedTime: modified.toISOString(),
    symlinkTarget: target,
  };
}

const TYPES = {
  file: "FILE_TYPE_FILE",
  directory: "FILE_TYPE_DIRECTORY",
  symlink: "FILE_TYPE_SYMLINK",
} as const satisfies Record<Entry["kind"], string>;

const LETTERS = { file: "-", directory: "d", symlink: "L" } as const satisfies Record<Entry["kind"], string>;

/** As `ls -l` shows them. */
function permissions(mode: number): string {
  return Array.from("rwxrwxrwx", (letter, index) => mode & (0o400 >> index) ? letter : "-").join("");
}
