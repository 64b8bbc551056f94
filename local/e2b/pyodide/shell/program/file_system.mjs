import { InMemoryFs, MountableFs } from "just-bash/browser";
import { LiveFiles } from "./live_files.mjs";

/** What just-bash fills itself, with names of its commands and devices; a command's own, and gone with it. */
const OWN = ["/bin", "/usr", "/dev", "/proc"];

/** The sandbox's files, and beside them what belongs to the shell. */
export class FileSystem extends MountableFs {
  #own = new Map(OWN.map((path) => [path, new InMemoryFs()]));

  constructor() {
    super({ base: new LiveFiles() });
    for (const [path, files] of this.#own) this.mount(path, files);
  }

  mkdirSync(path, options) {
    this.#fill(path, (files, rest) => files.mkdirSync(rest, options));
  }

  writeFileSync(path, content) {
    this.#fill(path, (files, rest) => files.writeFileSync(rest, content));
  }

  #fill(path, write) {
    const top = `/${path.split("/")[1]}`;
    const files = this.#own.get(top);
    if (files !== undefined) write(files, path.slice(top.length) || "/");
  }
}
