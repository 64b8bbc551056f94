import assert from "node:assert/strict";
import { delimiter, join } from "node:path";
import { missingOn } from "../../local/platform.ts";

Deno.test("where the stack cannot run, one line says what helps", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = [directory, join(directory, "missing")].join(delimiter);
    const missing = (os: string, arch = "x86_64") => missingOn({ os, arch }, path);
    assert.match(await missing("windows") ?? "", /WSL 2/);
    assert.match(await missing("freebsd") ?? "", /freebsd/);
    assert.match(await missing("linux", "riscv64") ?? "", /riscv64/);
    assert.equal(await missing("linux"), null);
    assert.match(await missing("linux", "aarch64") ?? "", /put `postgrest` on the PATH/);
    assert.equal(await missing("darwin", "aarch64"), "PostgREST is missing: `brew install postgrest`");

    await Deno.writeTextFile(join(directory, "postgrest"), "");
    assert.equal(await missing("darwin", "aarch64"), null);
    assert.equal(await missing("linux", "aarch64"), null);
    assert.match(await missing("windows") ?? "", /WSL 2/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
