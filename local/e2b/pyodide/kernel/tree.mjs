// The files of Pyodide's memory, all but those that every kernel has from its start.

import { bytesOf } from "./files.mjs";

/** Made by Emscripten, and not of files. */
const MADE = ["/dev", "/proc"];

/** @returns {Map<string, string>} what is there, by path */
export function listTree(FS) {
  return new Map(walk(FS).map(([path, node]) => [path, signature(node)]));
}

/**
 * What is there beside what was there at first, and what of that is gone.
 *
 * @param {Map<string, string>} atFirst
 * @returns {{ entries: object[], gone: string[], contents: Uint8Array[], strange: string[] }} of each file in `entries`
 *   the bytes in `contents`, in the same order; `strange` are the paths of what is no file, folder or link
 */
export function readTree(FS, atFirst) {
  const found = walk(FS);
  const paths = new Set(found.map(([path]) => path));
  const tree = { entries: [], gone: [...atFirst.keys()].filter((path) => !paths.has(path)), contents: [], strange: [] };
  for (const [path, node] of found) {
    if (atFirst.get(path) === signature(node)) continue;
    const { mode, atime, mtime, ctime } = node;
    const entry = { path, mode, times: [atime, mtime, ctime].map(Number) };
    if (FS.isLink(mode)) tree.entries.push({ ...entry, target: node.link });
    else if (FS.isDir(mode)) tree.entries.push(entry);
    else if (FS.isFile(mode)) {
      const bytes = bytesOf(node);
      tree.contents.push(bytes);
      tree.entries.push({ ...entry, size: bytes.length });
    } else tree.strange.push(path);
  }
  return tree;
}

/**
 * Makes the same of what is there at first.
 *
 * @param {{ entries: object[], gone: string[] }} tree
 * @param {(size: number) => Uint8Array} next the bytes of the next file
 */
export function writeTree(FS, { entries, gone }, next) {
  for (const path of gone.toReversed()) removeOne(FS, path);
  for (const { path, mode, size, target } of entries) {
    if (target !== undefined) FS.symlink(target, path);
    else if (FS.isDir(mode)) FS.mkdirTree(path);
    else FS.writeFile(path, next(size));
  }
  // At last, and from below: what is written into a folder changes its time, and one may be for reading alone.
  for (const { path, mode, times: [atime, mtime, ctime] } of entries.toReversed()) {
    Object.assign(FS.lookupPath(path, { follow: false }).node, { mode, atime, mtime, ctime });
  }
}

/** Parents come before what is in them. */
function walk(FS) {
  const found = [];
  const folders = [["", FS.lookupPath("/").node]];
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    for (const [name, node] of Object.entries(folder[1].contents)) {
      const path = `${folder[0]}/${name}`;
      if (MADE.includes(path)) continue;
      found.push([path, node]);
      if (FS.isDir(node.mode)) folders.push([path, node]);
    }
  }
  return found;
}

/** The time of a folder changes with what is in it. */
function signature({ mode, mtime, usedBytes, contents }) {
  return contents instanceof Uint8Array ? `${mode} ${Number(mtime)} ${usedBytes}` : `${mode}`;
}

function removeOne(FS, path) {
  const { node } = FS.lookupPath(path, { follow: false });
  if (FS.isDir(node.mode)) FS.rmdir(path);
  else FS.unlink(path);
}
