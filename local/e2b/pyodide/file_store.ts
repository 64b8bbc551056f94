import { type Change, FileError, type Metadata } from "../machine/files.ts";
import { HOME, parentOf } from "../machine/file_path.ts";

const MAX_BYTES = 64 * 1024 * 1024;
const MAX_ENTRIES = 10_000;

export type Content =
  | { readonly kind: "file"; readonly bytes: Uint8Array<ArrayBuffer>; readonly metadata: Metadata }
  | { readonly kind: "directory" }
  | { readonly kind: "gone" };

export type Entry = Content & {
  readonly path: string;
  readonly modified: Date;
  /** Grows with every change, so that each kernel can be told what it missed. */
  readonly version: number;
  /** The kernel that made the change and need not be told; `null` for clients. */
  readonly writer: object | null;
};

export type LiveEntry = Extract<Entry, { kind: "file" | "directory" }>;

/**
 * The files of a sandbox, in memory. This is what clients see at once; kernels
 * are brought up to date before each cell, and heard after it.
 *
 * What was removed stays as an entry that says so, for the kernels that still
 * have it.
 */
export class FileStore {
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<(change: Change) => void>();
  #version = 0;
  #bytes = 0;
  #live = 0;

  constructor() {
    for (const path of ["/", "/home", HOME, "/tmp"]) {
      this.#entries.set(path, { kind: "directory", path, modified: new Date(), version: 0, writer: null });
    }
  }

  /** Another one that has the same; what is written into one of them is not in the other. */
  copy(): FileStore {
    const copy = new FileStore();
    for (const [path, entry] of this.#entries) copy.#entries.set(path, entry);
    copy.#version = this.#version;
    copy.#bytes = this.#bytes;
    copy.#live = this.#live;
    return copy;
  }

  /** What its files take of memory. */
  get bytes(): number {
    return this.#bytes;
  }

  get version(): number {
    return this.#version;
  }

  find(path: string): LiveEntry {
    const entry = this.#entries.get(path);
    if (entry === undefined || entry.kind === "gone") {
      throw new FileError("missing", `path '${path}' does not exist`);
    }
    return entry;
  }

  read(path: string): Uint8Array<ArrayBuffer> {
    const entry = this.find(path);
    if (entry.kind === "directory") throw new FileError("isDirectory", `path '${path}' is a directory`);
    return entry.bytes;
  }

  /** What is at most `depth` folders below a folder, parents before children. */
  list(path: string, depth: number): LiveEntry[] {
    if (this.find(path).kind !== "directory") {
      throw new FileError("notDirectory", `path '${path}' is not a directory`);
    }
    const prefix = path === "/" ? "/" : `${path}/`;
    return [...this.#entries.values()]
      .filter((entry) => entry.kind !== "gone")
      .filter((entry) => entry.path !== path && entry.path.startsWith(prefix))
      .filter((entry) => entry.path.slice(prefix.length).split("/").length <= depth)
      .sort((a, b) => a.path < b.path ? -1 : 1);
  }

  /** Writes a whole file. It keeps the metadata that it has, unless it is given others. */
  write(
    path: string,
    bytes: Uint8Array<ArrayBuffer>,
    writer: object | null = null,
    metadata: Metadata = this.#metadataOf(path),
  ): void {
    const kind = this.#kindOf(path);
    if (kind === "directory") throw new FileError("isDirectory", `path '${path}' is a directory`);
    this.#makeParents(path, writer);
    this.#set(path, { kind: "file", bytes, metadata }, writer);
    if (kind === "gone") this.#tell("create", path);
    this.#tell("write", path);
  }

  /** Makes a folder and those above it; one that is there already is an error. */
  makeDirectory(path: string, writer: object | null = null): void {
    const kind = this.#kindOf(path);
    if (kind === "directory") throw new FileError("exists", `directory already exists: ${path}`);
    if (kind === "file") throw new FileError("notDirectory", `path '${path}' is a file`);
    this.#makeParents(path, writer);
    this.#set(path, { kind: "directory" }, writer);
    this.#tell("create", path);
  }

  /** Removes a file, or a folder with all that is in it; nothing there is no error. */
  remove(path: string, writer: object | null = null): void {
    for (const removed of this.#remove(path, writer)) this.#tell("remove", removed);
  }

  move(from: string, to: string): void {
    const top = this.find(from);
    if (`${to}/`.startsWith(`${from}/`)) throw new FileError("exists", `cannot move '${from}' into itself`);
    const moved = [top, ...(top.kind === "directory" ? this.list(from, Infinity) : [])];
    if (this.#kindOf(to) === "directory") throw new FileError("exists", `directory already exists: ${to}`);
    this.#makeParents(to, null);
    this.#remove(from, null);
    for (const entry of moved) this.#set(to + entry.path.slice(from.length), entry, null);
    // As inotify has it: what is in a folder that moves is not told of.
    this.#tell("rename", from);
    this.#tell("create", to);
  }

  /**
   * Tells of every change from now on, after it was made: of a client's at once, of a cell's at its end.
   * @returns stops it
   */
  watch(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What others than `reader` changed after `version`, in an order in which it can be repeated. */
  changesSince(version: number, reader: object): Entry[] {
    if (version === this.#version) return [];
    return [...this.#entries.values()]
      .filter((entry) => entry.version > version && entry.writer !== reader)
      .sort((a, b) => a.version - b.version);
  }

  #kindOf(path: string): Entry["kind"] {
    return this.#entries.get(path)?.kind ?? "gone";
  }

  #makeParents(path: string, writer: object | null): void {
    const parent = parentOf(path);
    const kind = this.#kindOf(parent);
    if (kind === "file") throw new FileError("notDirectory", `path '${parent}' is a file`);
    if (kind === "directory") return;
    this.#makeParents(parent, writer);
    this.#set(parent, { kind: "directory" }, writer);
    this.#tell("create", parent);
  }

  /** What was removed, what is inside of a folder before the folder. */
  #remove(path: string, writer: object | null): string[] {
    const kind = this.#kindOf(path);
    if (kind === "gone") return [];
    const inside = kind === "directory" ? this.list(path, Infinity).reverse() : [];
    const removed = [...inside.map((entry) => entry.path), path];
    for (const each of removed) this.#set(each, { kind: "gone" }, writer);
    return removed;
  }

  #metadataOf(path: string): Metadata {
    const entry = this.#entries.get(path);
    return entry?.kind === "file" ? entry.metadata : {};
  }

  #tell(type: Change["type"], path: string): void {
    for (const listener of this.#listeners) listener({ type, path });
  }

  #set(path: string, content: Content, writer: object | null): void {
    const before = this.#entries.get(path);
    const bytes = this.#bytes + sizeOf(content) - sizeOf(before);
    const live = this.#live + Number(content.kind !== "gone") - Number(before !== undefined && before.kind !== "gone");
    if (content.kind !== "gone" && (bytes > MAX_BYTES || live > MAX_ENTRIES)) {
      throw new FileError("noSpace", `a sandbox keeps at most ${MAX_BYTES} bytes in ${MAX_ENTRIES} files`);
    }
    this.#bytes = bytes;
    this.#live = live;
    const version = ++this.#version;
    this.#entries.set(path, { ...content, path, modified: new Date(), version, writer });
    if (this.#entries.size > 2 * MAX_ENTRIES) this.#forgetGone();
  }

  /** A kernel that slept through both may keep a file that is gone; memory is bounded. */
  #forgetGone(): void {
    for (const { kind, path } of this.#entries.values()) if (kind === "gone") this.#entries.delete(path);
  }
}

function sizeOf(content: Content | undefined): number {
  if (content?.kind !== "file") return 0;
  return content.bytes.length + Object.entries(content.metadata).flat().join("").length;
}
