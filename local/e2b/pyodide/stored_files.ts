import { parentOf } from "../machine/file_path.ts";
import { type Change, type Entry, FileError, type Files, type Metadata } from "../machine/files.ts";
import type { FileStore, LiveEntry } from "./file_store.ts";

/** The files of a machine that has no file system of its own. */
export class StoredFiles implements Files {
  readonly #store: FileStore;

  constructor(store: FileStore) {
    this.#store = store;
  }

  stat(path: string): Promise<Entry> {
    return Promise.try(() => described(this.#store.find(path)));
  }

  read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    return Promise.try(() => this.#store.read(path));
  }

  list(path: string, depth: number): Promise<readonly Entry[]> {
    return Promise.try(() => this.#store.list(path, depth).map(described));
  }

  write(path: string, bytes: Uint8Array<ArrayBuffer>, metadata: Metadata): Promise<Entry> {
    return Promise.try(() => {
      this.#store.write(path, bytes, null, metadata);
      return described(this.#store.find(path));
    });
  }

  makeDirectory(path: string): Promise<Entry> {
    return Promise.try(() => {
      this.#store.makeDirectory(path);
      return described(this.#store.find(path));
    });
  }

  move(from: string, to: string): Promise<Entry> {
    return Promise.try(() => {
      this.#store.move(from, to);
      return described(this.#store.find(to));
    });
  }

  remove(path: string): Promise<void> {
    return Promise.try(() => this.#store.remove(path));
  }

  watch(
    path: string,
    { recursive, signal }: { readonly recursive: boolean; readonly signal: AbortSignal },
    onChange: (change: Change) => void,
  ): Promise<void> {
    return Promise.try(() => {
      if (this.#store.find(path).kind !== "directory") {
        throw new FileError("notDirectory", `path '${path}' is not a directory`);
      }
      if (signal.aborted) return;
      const below = path === "/" ? "/" : `${path}/`;
      const stop = this.#store.watch((change) => {
        const isInside = recursive ? change.path.startsWith(below) : parentOf(change.path) === path;
        if (isInside || change.path === path) onChange(change);
      });
      signal.addEventListener("abort", stop, { once: true });
    });
  }
}

function described(entry: LiveEntry): Entry {
  const isFile = entry.kind === "file";
  return {
    path: entry.path,
    kind: entry.kind,
    size: isFile ? entry.bytes.length : 0,
    mode: isFile ? 0o644 : 0o755,
    owner: "user",
    group: "user",
    modified: entry.modified,
    metadata: isFile ? entry.metadata : {},
  };
}
