import { parentOf } from "../../machine/file_path.ts";
import { type Entry, FileError, type Files } from "../../machine/files.ts";
import type { FileAnswer, FileQuestion } from "./shell_message.ts";

/** What becomes of it goes through a line of JSON. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** Answers what the commands of a machine want of its files, with the errors of POSIX. */
export class ShellFiles {
  readonly #files: Files;
  /** What commands set; the files themselves keep none. */
  readonly #modes: Map<string, number>;

  constructor(files: Files, modes: ReadonlyMap<string, number>) {
    this.#files = files;
    this.#modes = new Map(modes);
  }

  modes(): ReadonlyMap<string, number> {
    return new Map(this.#modes);
  }

  async answer(question: FileQuestion): Promise<FileAnswer> {
    try {
      return { value: await this.#answer(question) };
    } catch (error) {
      const [code, words] = posixError(error);
      return { error: { code, message: `${code}: ${words}, ${question.op} '${question.path}'` } };
    }
  }

  async #answer(question: FileQuestion): Promise<unknown> {
    const { path } = question;
    switch (question.op) {
      case "stat":
        return this.#described(await this.#files.stat(path));
      case "list":
        return (await this.#files.list(path, 1)).map((entry) => ({
          name: entry.path.split("/").at(-1),
          kind: entry.kind,
        }));
      case "read":
        return (await this.#files.read(path)).toBase64();
      case "write":
        return await this.#write(path, question.content);
      case "append": {
        const before = await this.#entry(path) === null ? new Uint8Array() : await this.#files.read(path);
        return await this.#write(path, await new Blob([before, question.content]).bytes());
      }
      case "touch":
        if ((await this.#files.stat(path)).kind === "file") await this.#write(path, await this.#files.read(path));
        return null;
      case "makeDirectory":
        return await this.#makeDirectory(path, question.recursive);
      case "remove":
        return await this.#remove(path, question.recursive, question.force);
      case "move":
        await this.#inFolder(question.to);
        await this.#files.move(path, question.to);
        return null;
      case "setMode":
        await this.#files.stat(path);
        this.#modes.set(path, question.mode);
        return null;
    }
  }

  #described({ path, kind, size, mode, modified }: Entry) {
    return { kind, size, mode: this.#modes.get(path) ?? mode, modified: modified.getTime() };
  }

  async #write(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<null> {
    if (bytes.length > MAX_FILE_BYTES) throw new PosixError("EFBIG", "file too large");
    await this.#inFolder(path);
    // What a client noted about a file stays with it.
    const metadata = (await this.#entry(path))?.metadata ?? {};
    await this.#files.write(path, bytes, metadata);
    return null;
  }

  async #makeDirectory(path: string, recursive: boolean): Promise<null> {
    const entry = await this.#entry(path);
    if (recursive && entry?.kind === "directory") return null;
    if (entry !== null) throw new FileError("exists", "something is there");
    if (!recursive) await this.#inFolder(path);
    await this.#files.makeDirectory(path);
    return null;
  }

  async #remove(path: string, recursive: boolean, force: boolean): Promise<null> {
    const entry = await this.#entry(path);
    if (entry === null) {
      if (force) return null;
      throw new PosixError("ENOENT", "no such file or directory");
    }
    if (entry.kind === "directory" && !recursive && (await this.#files.list(path, 1)).length > 0) {
      throw new PosixError("ENOTEMPTY", "directory not empty");
    }
    await this.#files.remove(path);
    this.#modes.delete(path);
    return null;
  }

  /** The files of a machine make the folders above a file; those of bash do not. */
  async #inFolder(path: string): Promise<void> {
    const { kind } = await this.#files.stat(parentOf(path));
    if (kind !== "directory") throw new PosixError("ENOTDIR", "not a directory");
  }

  async #entry(path: string): Promise<Entry | null> {
    try {
      return await this.#files.stat(path);
    } catch (error) {
      if (error instanceof FileError && error.reason === "missing") return null;
      throw error;
    }
  }
}

class PosixError extends Error {
  constructor(readonly code: string, readonly words: string) {
    super(words);
  }
}

function posixError(error: unknown): readonly [code: string, words: string] {
  if (error instanceof PosixError) return [error.code, error.words];
  if (error instanceof FileError) return ERRORS[error.reason];
  throw error;
}

const ERRORS = {
  missing: ["ENOENT", "no such file or directory"],
  exists: ["EEXIST", "file already exists"],
  isDirectory: ["EISDIR", "illegal operation on a directory"],
  notDirectory: ["ENOTDIR", "not a directory"],
  forbidden: ["EACCES", "permission denied"],
  noSpace: ["ENOSPC", "no space left on device"],
} as const satisfies Record<FileError["reason"], readonly [code: string, words: string]>;
