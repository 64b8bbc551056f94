/** What a local stack runs Python with, on machines that lack what it would rather have. */
import assert from "node:assert/strict";
import { needing } from "../support/needs.ts";

const MODULE = new URL("../../local/e2b/choose_kernel.ts", import.meta.url).href;

const { test } = await needing("the native kernel");

/** In a process that sees this machine otherwise: as bubblewrap's `--tmpfs` or `--ro-bind` makes it. */
async function choose(seen: readonly string[], asked = "undefined") {
  const program = `const { chooseKernel } = await import(${JSON.stringify(MODULE)});
    const said = [];
    try {
      console.log(JSON.stringify({ kernel: await chooseKernel(${asked}, (message) => said.push(message)), said }));
    } catch (error) {
      console.log(JSON.stringify({ error: error.message }));
    }`;
  const { stdout, stderr } = await new Deno.Command("bwrap", {
    args: ["--dev-bind", "/", "/", ...seen, "--", Deno.execPath(), "eval", program],
  }).output();
  const printed = new TextDecoder().decode(stdout);
  assert.notEqual(printed, "", new TextDecoder().decode(stderr));
  return JSON.parse(printed);
}

test("without bubblewrap Python is Pyodide, and the command is told that installs what is missing", async () => {
  // Deno may be one of its programs.
  const without = ["--tmpfs", "/usr/bin", "--ro-bind", Deno.execPath(), Deno.execPath()];
  const { kernel, said } = await choose(without);
  assert.equal(kernel, "pyodide");
  assert.equal(said[0], "Python is Pyodide, as bubblewrap is not installed");
  assert.match(said[1], /: sudo apt-get install .*bubblewrap/);
  const { error } = await choose(without, '"native"');
  assert.match(error, /^--kernel native: bubblewrap is not installed: sudo apt-get install .*bubblewrap/);
});

test("where bubblewrap fails, Python is Pyodide, and its reason is told", async () => {
  const failing = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(failing, "#!/bin/sh\necho 'bwrap: no namespaces here' >&2\nexit 1\n");
    await Deno.chmod(failing, 0o755);
    const { kernel, said } = await choose(["--ro-bind", failing, "/usr/bin/bwrap"]);
    assert.deepEqual([kernel, said[0]], ["pyodide", "Python is Pyodide, as bwrap: no namespaces here"]);
  } finally {
    await Deno.remove(failing);
  }
});
