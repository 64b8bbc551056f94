// The sandbox's files, in the form in which just-bash wants them. None is kept here: each is asked for when it is used,
// so commands, cells and clients see the same while they run.

import { ask } from "./server.mjs";

export class LiveFiles {
  async readFile(path, options) {
    const encoding = typeof options === "string" ? options : options?.encoding ?? "utf8";
    return decoded(await this.readFileBuffer(path), encoding);
  }

  async readFileBytes(path) {
    return decoded(await this.readFileBuffer(path), "latin1");
  }

  async readFileBuffer(path) {
    return Uint8Array.fromBase64(await ask("read", path));
  }

  async writeFile(path, content, options) {
    await ask("write", path, { content: encoded(content, options) });
  }

  async appendFile(path, content, options) {
    await ask("append", path, { content: encoded(content, options) });
  }

  async exists(path) {
    return await this.stat(path).then(() => true, () => false);
  }

  async stat(path) {
    const { kind, size, mode, modified } = await ask("stat", path);
    return {
      isFile: kind === "file",
      isDirectory: kind === "directory",
      isSymbolicLink: false,
      mode,
      size,
      mtime: new Date(modified),
      identity: path,
    };
  }

  lstat(path) {
    return this.stat(path);
  }

  async mkdir(path, options) {
    await ask("makeDirectory", path, { recursive: options?.recursive ?? false });
  }

  async readdir(path) {
    return (await ask("list", path)).map(({ name }) => name);
  }

  async readdirWithFileTypes(path) {
    return (await ask("list", path)).map(({ name, kind }) => ({
      name,
      isFile: kind === "file",
      isDirectory: kind === "directory",
      isSymbolicLink: false,
    }));
  }

  async rm(path, options) {
    await ask("remove", path, { recursive: options?.recursive ?? false, force: options?.force ?? false });
  }

  async cp(from, to, options) {
    const { isDirectory, mode } = await this.stat(from);
    if (!isDirectory) {
      await this.writeFile(to, await this.readFileBuffer(from));
      return await this.chmod(to, mode);
    }
    if (!options?.recursive) throw new Error(`EISDIR: is a directory, cp '${from}'`);
    await this.mkdir(to, { recursive: true });
    for (const name of await this.readdir(from)) await this.cp(`${from}/${name}`, `${to}/${name}`, options);
  }

  async mv(from, to) {
    await ask("move", from, { to });
  }

  /** For glob patterns of a few commands; those of the shell itself list the folders. */
  getAllPaths() {
    return [];
  }

  async chmod(path, mode) {
    await ask("setMode", path, { mode });
  }

  symlink(_target, path) {
    return Promise.reject(new Error(`ENOTSUP: the files of the local sandbox have no links, symlink '${path}'`));
  }

  link(_target, path) {
    return Promise.reject(new Error(`ENOTSUP: the files of the local sandbox have no links, link '${path}'`));
  }

  readlink(path) {
    return Promise.reject(new Error(`EINVAL: invalid argument, readlink '${path}'`));
  }

  async realpath(path) {
    await this.stat(path);
    return path;
  }

  async utimes(path) {
    await ask("touch", path);
  }
}

/** Base64 of what is written. */
function encoded(content, options) {
  if (typeof content !== "string") return content.toBase64();
  const encoding = typeof options === "string" ? options : options?.encoding ?? "utf8";
  switch (encoding) {
    case "binary":
    case "latin1":
    case "ascii":
      return Uint8Array.from(content, (char) => char.charCodeAt(0)).toBase64();
    case "base64":
      return content;
    case "hex":
      return Uint8Array.fromHex(content).toBase64();
    default:
      return new TextEncoder().encode(content).toBase64();
  }
}

function decoded(bytes, encoding) {
  switch (encoding) {
    case "binary":
    case "latin1":
    case "ascii":
      return latin1(bytes);
    case "base64":
      return bytes.toBase64();
    case "hex":
      return bytes.toHex();
    default:
      return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  }
}

/** One character a byte; "latin1" of TextDecoder is another encoding. */
function latin1(bytes) {
  const parts = [];
  for (let at = 0; at < bytes.length; at += 32_768) {
    parts.push(String.fromCharCode(...bytes.subarray(at, at + 32_768)));
  }
  return parts.join("");
}
