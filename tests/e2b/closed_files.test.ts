import assert from "node:assert/strict";
import { useSandbox } from "./local_server.ts";

const shared = useSandbox();

/** Runs a cell until it has printed a line, then `look`, and stops it. */
async function during(code: string, look: () => Promise<void>): Promise<void> {
  const { sandbox } = shared;
  const { promise: printed, resolve: onStdout } = Promise.withResolvers<unknown>();
  const running = sandbox.runCode(`${code}\nprint("look")\nimport time\ntime.sleep(600)`, { onStdout, timeoutMs: 0 });
  await Promise.race([printed, running.then(({ error }) => assert.fail(error?.traceback))]);
  try {
    await look();
  } finally {
    const [context] = await sandbox.listCodeContexts();
    await sandbox.restartCodeContext(context?.id ?? "");
    await running;
  }
}

Deno.test("a file is seen when its cell has closed it, not only when that has ended", async () => {
  const { files } = shared.sandbox;
  const code = `
import os
os.makedirs("new/folder")
with open("new/folder/a.txt", "w") as file: file.write("first")
with open("new/folder/a.txt", "a") as file: file.write(" and second")
open("open.txt", "w").write("left open")
with open("/tmp/elsewhere", "w") as file: file.write("x")`;
  await during(code, async () => {
    assert.equal(await files.read("new/folder/a.txt"), "first and second");
    assert.equal(await files.read("open.txt"), "left open");
  });
});

Deno.test("a file of the same length is seen again, in whatever way it is closed", async () => {
  const { sandbox } = shared;
  const code = "for text in 'abcdef':\n    with open('same', 'w') as file: file.write(text)";
  await during(code, async () => assert.equal(await sandbox.files.read("same"), "f"));
  await during("import shutil; shutil.copy('same', 'copied')", async () => {
    assert.equal(await sandbox.files.read("copied"), "f");
  });
  await sandbox.runCode("with open('same', 'w') as file: file.write('g')");
  assert.equal(await sandbox.files.read("same"), "g");
});

Deno.test("a folder where a file was is seen at the end, without a word of it before", async () => {
  const { sandbox } = shared;
  await sandbox.runCode("open('place', 'w').write('a file')");
  const { logs, error } = await sandbox.runCode(
    "import os\nos.remove('place')\nos.mkdir('place')\nwith open('place/inside', 'w') as file: file.write('b')",
  );
  assert.deepEqual([logs.stderr, error], [[], undefined]);
  assert.equal(await sandbox.files.read("place/inside"), "b");
});

Deno.test("a file that grows line by line does not send the whole of it with each line", async () => {
  const { sandbox } = shared;
  // Each time would be a gigabyte in all.
  const { error } = await sandbox.runCode(`
with open("log", "w") as file: file.write("x" * 1_000_000)
for number in range(1000):
    with open("log", "a") as file: file.write("y")`);
  assert.equal(error, undefined);
  assert.equal((await sandbox.files.read("log")).length, 1_001_000);
});
