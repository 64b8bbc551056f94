/** The files of a machine, as envd tells of them. Paths are absolute and resolved. */
export interface Files {
  /** @throws {FileError} as all of them do */
  stat(path: string): Promise<Entry>;
  read(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** What is at most `depth` folders below a folder, parents before children. */
  list(path: string, depth: number): Promise<readonly Entry[]>;
  /** Makes the folders above it as well. `metadata` takes the place of what the file had. */
  write(path: string, bytes: Uint8Array<ArrayBuffer>, metadata: Metadata): Promise<Entry>;
  /** Makes a folder and those above it; one that is there already is an error. */
  makeDirectory(path: string): Promise<Entry>;
  move(from: string, to: string): Promise<Entry>;
  /** Removes a file, or a folder with all that is in it; nothing there is no error. */
  remove(path: string): Promise<void>;
  /**
   * Tells of every change in a folder from now on, until the signal aborts; with `recursive`, below it too. Resolves when
   * it has begun; what is no folder is an error.
   */
  watch(
    path: string,
    options: { readonly recursive: boolean; readonly signal: AbortSignal },
    onChange: (change: Change) => void,
  ): Promise<void>;
}

export interface Entry {
  readonly path: string;
  readonly kind: "file" | "directory" | "symlink";
  /** Where a symlink leads. */
  readonly target?: string;
  /** In bytes. */
  readonly size: number;
  /** The permission bits. */
  readonly mode: number;
  readonly owner: string;
  readonly group: string;
  readonly modified: Date;
  readonly metadata: Metadata;
}

/** What a client wrote about a file. */
export type Metadata = Readonly<Record<string, string>>;

export interface Change {
  readonly type: "create" | "write" | "remove" | "rename" | "chmod";
  readonly path: string;
}

export class FileError extends Error {
  constructor(
    readonly reason: "missing" | "exists" | "isDirectory" | "notDirectory" | "forbidden" | "noSpace",
    message: string,
  ) {
    super(message);
  }
}
