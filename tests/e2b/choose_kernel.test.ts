/** What a local stack runs Python with, on machines that lack what it would rather have. */
import assert from "node:assert/strict";
import { needing } from "../support/needs.ts";

const MODULE = new URL("../../local/e2b/choose_kernel.ts", import.meta.url).href;

const { test } = await needing("Linux's /proc");

/** In a process whose programs are those of `folder`: the machine's own are looked for once in each. */
async function choose(folder: string, asked = "undefined") {
  const program = `const { chooseKernel } = await import(${JSON.stringify(MODULE)});
    const said = [];
    try {
      console.log(JSON.stringify({ kernel: await chooseKernel(${asked}, (message) => said.push(message)), said }));
    } catch (error) {
      console.log(JSON.stringify({ error: error.message }));
    }`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", program],
    env: { PATH: folder },
  }).output();
  const printed = new TextDecoder().decode(stdout);
  assert.notEqual(printed, "", new TextDecoder().decode(stderr));
  return JSON.parse(printed);
}

test("without bubblewrap Python is Pyodide, and the command is told that installs what is missing", async () => {
  const empty = await Deno.makeTempDir();
  try {
    const { kernel, said } = await choose(empty);
    assert.equal(kernel, "pyodide");
    assert.equal(said[0], "Python is Pyodide, as bubblewrap is not installed");
    assert.match(said[1], /: sudo apt-get install .*bubblewrap/);
    const { error } = await choose(empty, '"native"');
    assert.match(error, /^--kernel native: bubblewrap is not installed: sudo apt-get install .*bubblewrap/);
  } finally {
    await Deno.remove(empty);
  }
});

test("where bubblewrap fails, Python is Pyodide, and its reason is told", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/bwrap`, "#!/bin/sh\necho 'bwrap: no namespaces here' >&2\nexit 1\n", {
      mode: 0o755,
    });
    const { kernel, said } = await choose(folder);
    assert.deepEqual([kernel, said[0]], ["pyodide", "Python is Pyodide, as bwrap: no namespaces here"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
