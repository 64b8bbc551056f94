// A snapshot of Python's memory as it is kept. Half of it is zeros, and each
// page of memory that a process touches costs it time. So what is kept are the
// blocks that are not all zeros, and a kernel reads each of them once, to where
// Python has it.
//
// Its form: words of 32 bits, which are the snapshot's length, the number of
// runs of blocks, and of each run its first block and how many they are; then
// the runs' bytes; in a file then a digest, which is the server's business.

/** @typedef {(bytes: Uint8Array, at: number) => void} Read fills the bytes with what is at a place */

const BLOCK = 4096;
const WORD = 4;
/** Which word of Pyodide's own header says where Python's memory begins. */
const MEMORY_WORD = 1;

/**
 * @param {Uint8Array} header
 * @param {Uint8Array} [memory] what follows it, if that is not in one with it; it is not copied
 * @returns {Uint8Array[]} the pieces of its form
 */
export function pack(header, memory = new Uint8Array()) {
  // As much of the memory as makes whole blocks of the header.
  const rest = Math.min(-header.length & (BLOCK - 1), memory.length);
  const whole = rest === 0 ? header : new Uint8Array([...header, ...memory.subarray(0, rest)]);
  const runs = [...runsOf(whole, 0), ...runsOf(memory.subarray(rest), whole.length / BLOCK)];
  const words = [header.length + memory.length, runs.length, ...runs.flatMap(({ first, count }) => [first, count])];
  return [new Uint8Array(Uint32Array.from(words).buffer), ...runs.map(({ bytes }) => bytes)];
}

/** The blocks that are not all zeros; the first one there is has a number. */
function runsOf(bytes, number) {
  const runs = [];
  for (let block = 0; block * BLOCK < bytes.length; block++) {
    if (isZero(bytes, block * BLOCK, Math.min((block + 1) * BLOCK, bytes.length))) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.first + last.count === block) last.count++;
    else runs.push({ first: block, count: 1 });
  }
  return runs.map(({ first, count }) => ({
    first: number + first,
    count,
    bytes: bytes.subarray(first * BLOCK, (first + count) * BLOCK),
  }));
}

/**
 * Starts Pyodide from a packed snapshot: `load` gets what it must be given as
 * the snapshot, which has the header alone. The rest goes into Python's memory
 * when Pyodide copies it there.
 *
 * @template T
 * @param {Read} read
 * @param {(snapshot: Uint8Array) => Promise<T>} load
 * @param {() => void} [onFill] called before the memory is filled, and with it comes whatever was in it
 * @returns {Promise<T>}
 */
export async function restore(read, load, onFill = () => {}) {
  const [length, count] = readWords(read, 2, 0);
  const runs = readRuns(read, count);
  const snapshot = new Uint8Array(length);
  fill(read, runs, snapshot.subarray(0, BLOCK), 0);
  fill(read, runs, snapshot.subarray(0, new Uint32Array(snapshot.buffer)[MEMORY_WORD]), 0);

  const { set } = Int8Array.prototype;
  Int8Array.prototype.set = function (source, offset) {
    if (source.buffer !== snapshot.buffer) return set.call(this, source, offset);
    if (offset !== undefined) throw new Error("Pyodide does not restore its memory as a whole any more");
    onFill();
    fill(read, runs, new Uint8Array(this.buffer, this.byteOffset, source.length), source.byteOffset);
  };
  try {
    return await load(snapshot);
  } finally {
    Int8Array.prototype.set = set;
  }
}

/** How much memory the Python of a snapshot has. */
export function memoryBytes(snapshot) {
  return snapshot.length - new Uint32Array(snapshot.buffer)[MEMORY_WORD];
}

/** @returns {Disposable & { read: Read }} what reads a file */
export function openFile(path) {
  const file = Deno.openSync(path);
  const read = (bytes, at) => {
    file.seekSync(at, Deno.SeekMode.Start);
    for (let done = 0; done < bytes.length;) {
      const more = file.readSync(bytes.subarray(done));
      if (more === null) throw new Error("the snapshot ends early");
      done += more;
    }
  };
  return { read, [Symbol.dispose]: () => file.close() };
}

function readRuns(read, count) {
  const words = readWords(read, 2 * count, 2 * WORD);
  let at = WORD * (2 + words.length);
  return Array.from({ length: count }, (_, index) => {
    const run = { start: words[2 * index] * BLOCK, end: (words[2 * index] + words[2 * index + 1]) * BLOCK, at };
    at += run.end - run.start;
    return run;
  });
}

function readWords(read, count, at) {
  const words = new Uint32Array(count);
  read(new Uint8Array(words.buffer), at);
  return words;
}

/** Makes the target what the snapshot has from `start` on. */
function fill(read, runs, target, start) {
  const end = start + target.length;
  let filled = start;
  for (const run of runs) {
    const from = Math.max(run.start, start);
    const to = Math.min(run.end, end);
    if (from >= to) continue;
    clear(target, filled - start, from - start);
    read(target.subarray(from - start, to - start), run.at + from - run.start);
    filled = to;
  }
  clear(target, filled - start, end - start);
}

/** Python has been there before: its constants, and what its start wrote. To write zeros only there saves the rest. */
function clear(bytes, start, end) {
  for (let from = start; from < end; from += BLOCK) {
    const to = Math.min(from + BLOCK, end);
    if (!isZero(bytes, from, to)) bytes.fill(0, from, to);
  }
}

/** Of whole words: a snapshot is made of pages, behind a header of such. */
function isZero(bytes, start, end) {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + start, (end - start) / WORD);
  for (let at = 0; at < words.length; at++) if (words[at] !== 0) return false;
  return true;
}
