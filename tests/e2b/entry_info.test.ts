/** What envd says of a symlink. */
import assert from "node:assert/strict";
import { entryInfo } from "../../local/e2b/envd/entry_info.ts";
import { type Entry, FileError } from "../../local/e2b/machine/files.ts";

function entry(path: string, kind: Entry["kind"], target?: string): Entry {
  const mode = kind === "symlink" ? 0o777 : 0o640;
  return { path, kind, target, size: 3, mode, owner: "user", group: "user", modified: new Date(0), metadata: {} };
}

const ENTRIES = [
  entry("/home/user/file", "file"),
  entry("/home/user/link", "symlink", "file"),
  entry("/link of a link", "symlink", "/home/user/link"),
  entry("/up", "symlink", "home/../home/user/file"),
  entry("/broken", "symlink", "nothing"),
  entry("/loop", "symlink", "/loop"),
];

async function infoOf(path: string) {
  const stat = (path: string) =>
    Promise.try(() => ENTRIES.find((entry) => entry.path === path) ?? assert.fail(new FileError("missing", path)));
  return await entryInfo({ stat }, await stat(path));
}

Deno.test("a symlink has the type and the mode of what it leads to, and its own letters", async () => {
  for (const path of ["/home/user/link", "/link of a link", "/up"]) {
    const { type, mode, permissions, symlinkTarget } = await infoOf(path);
    assert.deepEqual(
      [type, mode, permissions, symlinkTarget],
      ["FILE_TYPE_FILE", 0o640, "Lrwxrwxrwx", "/home/user/file"],
      path,
    );
  }
});

Deno.test("one that leads nowhere has no type", async () => {
  for (const path of ["/broken", "/loop"]) {
    const { type, symlinkTarget } = await infoOf(path);
    assert.deepEqual([type, symlinkTarget], ["FILE_TYPE_UNSPECIFIED", path]);
  }
});

Deno.test("what is no symlink leads nowhere", async () => {
  const { type, permissions, symlinkTarget, name } = await infoOf("/home/user/file");
  assert.deepEqual([type, permissions, symlinkTarget, name], ["FILE_TYPE_FILE", "-rw-r-----", undefined, "file"]);
});
