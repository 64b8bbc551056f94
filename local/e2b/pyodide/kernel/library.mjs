// Python's standard library, which all imports of later cells need.

const LIBRARY = "/lib";
/** Where packages are put. */
const PACKAGES = "site-packages";
const WRITE = 0o222;

/** Makes it read-only, as it is for the user whose cells E2B runs: shutil.rmtree("/lib") fails and breaks nothing. */
export function protectLibrary(FS) {
  protect(FS, FS.lookupPath(LIBRARY).node);
}

function protect(FS, node) {
  node.mode &= ~WRITE;
  if (!FS.isDir(node.mode)) return;
  for (const [name, child] of Object.entries(node.contents)) if (name !== PACKAGES) protect(FS, child);
}
