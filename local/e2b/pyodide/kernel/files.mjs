// The files below /home/user in Pyodide's memory, and what changed in them.
// Walks Emscripten's nodes itself: Python's own way there would be slower, and
// a cell can replace it.

const HOME = "/home/user";
const MAX_FILE_BYTES = 12 * 1024 * 1024;
const MAX_ENTRIES = 10_000;

const WRITES = 0b11;

// A cell that appends to a large file line by line would send the whole of it with each line.
const CLOSED_BYTES_PER_SECOND = 8 * 1024 * 1024;
const CLOSED_BYTES_AT_ONCE = 16 * 1024 * 1024;
const COST_OF_A_FILE = 4096;

/** What the server last heard of each path, or told of it. */
const known = new Map();

/** Files that were closed since they were last told of. */
const closed = new Set();
let allowance = CLOSED_BYTES_AT_ONCE;
let allowedAt = performance.now();

/**
 * Makes one change that the server asks for.
 *
 * @param {{ type: "file" | "directory" | "gone", path: string, content?: string }} change
 */
export function applyChange(FS, { type, path, content }) {
  const before = nodeAt(FS, path);
  if (before !== undefined && (type !== "file" || !FS.isFile(before.mode))) {
    if (type === "directory" && FS.isDir(before.mode)) return;
    removeTree(FS, path, before);
  }
  known.delete(path);
  if (type === "gone") return;
  FS.mkdirTree(type === "directory" ? path : path.slice(0, path.lastIndexOf("/")) || "/");
  if (type === "file") FS.writeFile(path, Uint8Array.fromBase64(content));
  const node = nodeAt(FS, path);
  // In the past, so that a cell's write within this millisecond shows.
  if (type === "file") node.mtime -= 1;
  if (path.startsWith(`${HOME}/`)) known.set(path, signature(FS, node));
}

/** What the server knows, for another kernel that has the same files. */
export function knownFiles() {
  return [...known];
}

/** @param {[path: string, signature: string][]} entries of a kernel that had the files which are here now */
export function knowFiles(entries) {
  for (const [path, signature] of entries) known.set(path, signature);
}

/**
 * Says what changed since it was last asked, or since `applyChange`.
 *
 * @param {(change: { type: string, path: string, content?: string }) => void} report
 * @param {(text: string) => void} warn
 */
export function reportChanges(FS, report, warn) {
  closed.clear();
  const found = walk(FS);
  if (found === null) return warn(`more than ${MAX_ENTRIES} files in ${HOME}: none were kept\n`);
  let changed = false;
  for (const [path, last] of known) {
    const node = found.get(path);
    // A folder that became a file must be gone before its path is free.
    if (node !== undefined && (last === "directory") === FS.isDir(node.mode)) continue;
    known.delete(path);
    report({ type: "gone", path });
  }
  for (const [path, node] of found) {
    const now = signature(FS, node);
    if (known.get(path) === now) continue;
    known.set(path, now);
    changed = true;
    if (now === "directory") report({ type: "directory", path });
    else if (node.usedBytes > MAX_FILE_BYTES) warn(`${path} is larger than ${MAX_FILE_BYTES} bytes and was not kept\n`);
    else report({ type: "file", path, content: bytesOf(node).toBase64() });
  }
  // A write of the same size in the same millisecond would not show.
  if (changed) { for (const end = performance.now() + 1.5; performance.now() < end;); }
}

/**
 * Says of each file that it has changed as soon as it is closed, as far as not too much is written so; the rest is for
 * `reportClosed` and `reportChanges`.
 *
 * @param {() => void} onClosed
 */
export function watchClosed(FS, onClosed) {
  FS.filesystems.MEMFS.ops_table.file.stream.close = ({ path, flags }) => {
    if ((flags & WRITES) === 0 || !path.startsWith(`${HOME}/`)) return;
    closed.add(path);
    onClosed();
  };
}

/** Says what was closed and has changed. */
export function reportClosed(FS, report) {
  for (const path of closed) {
    const node = nodeAt(FS, path);
    if (node !== undefined && FS.isFile(node.mode) && node.usedBytes <= MAX_FILE_BYTES && hasPlace(path)) {
      if (!spend(node.usedBytes + COST_OF_A_FILE)) return;
      if (known.get(path) !== signature(FS, node)) {
        report({ type: "file", path, content: bytesOf(node).toBase64() });
        // As in `applyChange`.
        node.mtime -= 1;
        known.set(path, signature(FS, node));
      }
    }
    closed.delete(path);
  }
}

/** Whether the server has nothing of another kind there, which must be gone first. */
function hasPlace(path) {
  if (known.get(path) === "directory") return false;
  for (let end = path.lastIndexOf("/"); end > HOME.length; end = path.lastIndexOf("/", end - 1)) {
    if ((known.get(path.slice(0, end)) ?? "directory") !== "directory") return false;
  }
  return true;
}

function spend(bytes) {
  const now = performance.now();
  const earned = (now - allowedAt) / 1000 * CLOSED_BYTES_PER_SECOND;
  allowance = Math.min(CLOSED_BYTES_AT_ONCE, allowance + earned);
  allowedAt = now;
  if (allowance < bytes) return false;
  allowance -= bytes;
  return true;
}

/** Files and folders by path, parents first; `null` if there are too many. */
function walk(FS) {
  const found = new Map();
  const home = nodeAt(FS, HOME);
  const folders = home === undefined ? [] : [[HOME, home]];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const [name, node] of Object.entries(folder[1].contents)) {
      const path = `${folder[0]}/${name}`;
      if (FS.isDir(node.mode)) folders.push([path, node]);
      else if (!FS.isFile(node.mode)) continue;
      found.set(path, node);
      if (found.size > MAX_ENTRIES) return null;
    }
  }
  return found;
}

function signature(FS, node) {
  return FS.isDir(node.mode) ? "directory" : `${Number(node.mtime)} ${node.usedBytes}`;
}

/** What a file has, not copied. */
export function bytesOf({ contents, usedBytes }) {
  // Before the first write there are no contents.
  return contents ? new Uint8Array(contents.buffer, contents.byteOffset, usedBytes) : new Uint8Array();
}

function nodeAt(FS, path) {
  try {
    return FS.lookupPath(path).node;
  } catch {
    return undefined;
  }
}

function removeTree(FS, path, node) {
  if (!FS.isDir(node.mode)) return FS.unlink(path);
  for (const [name, child] of Object.entries(node.contents)) removeTree(FS, `${path}/${name}`, child);
  FS.rmdir(path);
}
