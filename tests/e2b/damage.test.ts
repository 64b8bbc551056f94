import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { kernelTest } from "./kernels.ts";
import { e2bTest } from "./local_server.ts";

for (const stream of ["stdout", "stderr"]) {
  e2bTest(`a worker that floods its kernel's ${stream} ends it`, async (connection) => {
    const sandbox = await Sandbox.create(connection);
    const flood = `const text = new Uint8Array(65536).fill(10); while (true) Deno.${stream}.writeSync(text)`;
    const worker = `new Worker("data:text/javascript," + ${
      JSON.stringify(encodeURIComponent(flood))
    }, { type: "module" })`;
    const code = `${worker}; await new Promise(() => {})`;
    const { error } = await sandbox.runCode(code, { language: "javascript", timeoutMs: 120_000 });
    assert.match(error?.value ?? "", /past its cells' output/);
    assert.equal((await sandbox.runCode("1", { language: "javascript" })).text, "1");
  });
}

e2bTest("a cell can neither delete nor change Python's library", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const destructive = ["import shutil; shutil.rmtree('/lib')", "import sys; open(sys.path[2], 'w')"];
  for (const code of destructive) {
    assert.equal((await sandbox.runCode(code)).error?.name, "PermissionError", code);
  }
  // One that nobody has imported yet.
  assert.equal((await sandbox.runCode("import colorsys; colorsys.rgb_to_hsv(0, 0, 1)[2]")).text, "1");
  const own = "import sys; open(sys.path[-1] + '/mine.py', 'w').write('y = 2')\nimport mine; mine.y";
  assert.equal((await sandbox.runCode(own)).text, "2");
});

e2bTest("a kernel whose Python is broken ends, and the next one works", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  for (const code of ["import builtins; del builtins.len; raise KeyError", "import ast; ast.parse = None; 1 / 0"]) {
    await sandbox.runCode("x = 1");
    assert.equal(
      (await sandbox.runCode(`open('kept', 'w').write('a'); ${code}`)).error?.name,
      "ContextRestarting",
      code,
    );
    assert.equal((await sandbox.runCode("x")).error?.name, "NameError", code);
    assert.equal((await sandbox.runCode("open('kept').read()")).text, "a", code);
  }
});

kernelTest("a failed cell that broke nothing costs nothing", async ({ connection }) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode("x = 7\nx");
  assert.deepEqual((await sandbox.runCode("1 / 0")).logs, { stdout: [], stderr: [] });
  assert.equal((await sandbox.runCode("(x, _)")).text, "(7, 7)");
  assert.equal((await sandbox.runCode("x")).executionCount, 4);
});
