import { parentOf, resolvePath } from "../machine/file_path.ts";
import { type Entry, FileError, type Files } from "../machine/files.ts";

// As many as Linux follows.
const MAX_LINKS = 40;

/** Protobuf's `EntryInfo` as JSON, where a 64-bit number is a string. A symlink has the type of what it leads to. */
export async function entryInfo(files: Pick<Files, "stat">, entry: Entry) {
  const { path, kind, size, owner, group, modified, metadata } = entry;
  const end = kind === "symlink" ? await followed(files, entry) : entry;
  return {
    name: baseName(path),
    type: end === null ? "FILE_TYPE_UNSPECIFIED" : TYPES[end.kind],
    path,
    size: String(size),
    mode: end?.mode ?? 0,
    permissions: LETTERS[kind] + permissions(entry.mode),
    owner,
    group,
    modifiedTime: modified.toISOString(),
    symlinkTarget: kind === "symlink" ? (end ?? entry).path : undefined,
    metadata,
  };
}

/** The last part of a path; the root's is the root. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1) || "/";
}

/** What is at the end of a chain of symlinks, if anything. */
async function followed(files: Pick<Files, "stat">, link: Entry): Promise<Entry | null> {
  let entry = link;
  for (let links = 0; entry.kind === "symlink" && entry.target !== undefined; links++) {
    if (links === MAX_LINKS) return null;
    try {
      entry = await files.stat(resolvePath(entry.target, parentOf(entry.path)));
    } catch (error) {
      if (error instanceof FileError) return null;
      throw error;
    }
  }
  return entry;
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
