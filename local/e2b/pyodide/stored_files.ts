import type { Change, Entry, Files, Metadata } from "../machine/files.ts";
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

  write(path: string, bytes: Uint8Array<ArrayBuffer>, _metadata: Metadata): Promise<Entry> {
    return Promise.try(() => {
      this.#store.write(path, bytes);
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
    _path: string,
    _options: { readonly recursive: boolean; readonly signal: AbortSignal },
    _onChange: (change: Change) => void,
  ): Promise<void> {
    throw new Error("not yet");
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
    metadata: {},
  };
}
