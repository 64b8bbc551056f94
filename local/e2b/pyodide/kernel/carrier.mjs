// What a kernel is, for others that go on from there: Python's memory, the files, and what little JavaScript knows of it.
// Python's memory has references to objects of JavaScript, which no memory holds; those of the kernel itself have a name.

import { writeState } from "./carried_state.mjs";
import { knowFiles, knownFiles } from "./files.mjs";
import { pack } from "./sparse.mjs";
import { listTree, readTree, writeTree } from "./tree.mjs";

const STANDARD_STREAMS = 3;
const MAX_MEMORY_BYTES = 256 * 1024 ** 2;
const MAX_FILES_BYTES = 64 * 1024 ** 2;
const MAX_FILES = 10_000;
/** What is over, but not yet in the eyes of the event loop, is so after some turns of it. */
const SETTLE_MS = 200;
const TURN_MS = 5;
const MAX_NAMES = 5;

export class Carrier {
  #pyodide;
  #carry;
  #own;
  #atFirst;
  #libraries;

  /**
   * @param pyodide just started, with no file that a cell has made
   * @param {Record<string, object>} own the JavaScript objects that the kernel itself has given to Python
   */
  constructor(pyodide, own) {
    this.#pyodide = pyodide;
    this.#carry = pyodide.pyimport("_kernel.carry");
    this.#own = own;
    this.#atFirst = listTree(pyodide.FS);
    this.#libraries = Object.keys(pyodide._module.LDSO.loadedLibsByName);
  }

  /** What cannot be carried, in words; nothing if all can. @returns {Promise<{ what: string, why: string } | null>} */
  async obstacle() {
    const until = performance.now() + SETTLE_MS;
    while (true) {
      const isLast = performance.now() > until;
      try {
        const found = this.#obstacle();
        if (found === null || isLast) return found;
        this.#carry.collect();
      } catch (error) {
        // An interrupt that came too late for its cell may have hit this.
        if (isLast) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, TURN_MS));
    }
  }

  #obstacle() {
    const { FS, _module } = this.#pyodide;
    const libraries = Object.keys(_module.LDSO.loadedLibsByName).filter((name) => !this.#libraries.includes(name));
    if (libraries.length > 0) {
      return because(
        `an imported package with compiled parts (${some(libraries.map(packageOf))})`,
        "they are not in Python's memory",
      );
    }
    const waiting = JSON.parse(this.#carry.waiting());
    if (waiting.length > 0) return because(some(waiting), "the event loop is not in Python's memory");
    const open = FS.streams.slice(STANDARD_STREAMS).filter((stream) => stream).map(({ path }) =>
      path ?? "a pipe or socket"
    );
    if (open.length > 0) return because(`an open file (${some(open)})`, "close it first");
    if (this.#strangers().length > 0) {
      const names = JSON.parse(this.#carry.proxies());
      const where = names.length > 0 ? ` (${some(names)})` : "";
      return because(`an object of JavaScript that Python holds${where}`, "it is not in Python's memory");
    }
    const { contents, entries, strange } = readTree(FS, this.#atFirst);
    if (strange.length > 0) return because(`a special file (${some(strange)})`, "files, folders and links can be");
    const bytes = sizeOf(contents);
    if (bytes > MAX_FILES_BYTES || entries.length > MAX_FILES) {
      return because(
        "so many files of a Python kernel",
        `it has ${entries.length} with ${inMiB(bytes)} MiB, ${MAX_FILES} with ${
          inMiB(MAX_FILES_BYTES)
        } MiB can be carried`,
      );
    }
    const memory = sizeOf(pack(new Uint8Array(_module.HEAP8.buffer)));
    if (memory > MAX_MEMORY_BYTES) {
      const why = `${inMiB(memory)} MiB of it are or were in use, ${inMiB(MAX_MEMORY_BYTES)} MiB can be carried`;
      return because("a Python kernel of so much memory", why);
    }
    return null;
  }

  /** All of it, in parts that follow one another; they are Python's own memory, and are to be read before it goes on. */
  dump() {
    const { FS, _module } = this.#pyodide;
    const { entries, gone, contents } = readTree(FS, this.#atFirst);
    this.#carry.hold();
    const memory = [this.#header(), new Uint8Array(_module.HEAP8.buffer)];
    const head = { clock: performance.now(), cwd: FS.cwd(), known: knownFiles(), entries, gone };
    return writeState({ head, contents, memory });
  }

  /** Has the files and what Python had from JavaScript as they were there; `state` is of a kernel that was dumped. */
  resume(state) {
    const { FS } = this.#pyodide;
    const { cwd, known, ...tree } = state.head;
    writeTree(FS, tree, (size) => state.nextFile(size));
    FS.currentPath = cwd;
    knowFiles(known);
    this.#carry.go_on();
  }

  /** What Pyodide puts before the memory, without a copy of that: the kernel may have no room for one. */
  #header() {
    const module = this.#pyodide._module;
    const memory = module.HEAP8;
    module.HEAP8 = new Int8Array();
    try {
      return this.#withTable((serializer) => this.#pyodide.makeMemorySnapshot({ serializer }), (object) => {
        throw new Error(`Python holds JavaScript's ${typeof object}`);
      });
    } finally {
      module.HEAP8 = memory;
    }
  }

  /** The objects of JavaScript that Python holds and that have no name. */
  #strangers() {
    const strangers = [];
    this.#withTable(
      (serializer) => this.#pyodide._api.serializeHiwireState(serializer),
      (object) => strangers.push(object),
    );
    return strangers;
  }

  /** Pyodide refuses a table with a place that was in use and is free. */
  #withTable(act, onStranger) {
    const module = this.#pyodide._module;
    const get = module.__hiwire_get;
    module.__hiwire_get = (place) => get(place) ?? null;
    try {
      return act((object) => {
        const name = Object.keys(this.#own).find((name) => this.#own[name] === object);
        if (name === undefined) onStranger(object);
        return name ?? null;
      });
    } finally {
      module.__hiwire_get = get;
    }
  }
}

function because(what, why) {
  return { what, why };
}

function some(names) {
  const all = [...new Set(names)];
  return all.slice(0, MAX_NAMES).join(", ") + (all.length > MAX_NAMES ? ", …" : "");
}

function packageOf(library) {
  return /site-packages\/([^/.]+)/.exec(library)?.[1] ?? library.split("/").at(-1);
}

function sizeOf(parts) {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

function inMiB(bytes) {
  return Math.ceil(bytes / 1024 ** 2);
}
