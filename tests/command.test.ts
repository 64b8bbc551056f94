import assert from "node:assert/strict";
import { BadArgument, readCommand } from "./command.ts";

Deno.test("the runtime is understood wherever it stands, and what is left is passed on", () => {
  const file = "tests/command.test.ts";
  for (const runtime of [["--runtime", "edge"], ["--runtime=edge"]]) {
    for (
      const args of [[...runtime, "--fail-fast", file], ["--fail-fast", ...runtime, file], [
        "--fail-fast",
        file,
        ...runtime,
      ]]
    ) {
      assert.deepEqual(readCommand(args), {
        runtime: "edge",
        giveUpAfterSeconds: 300,
        rest: ["--fail-fast", file],
        namesFiles: true,
      });
    }
  }
  assert.deepEqual(readCommand([]), { runtime: "deno", giveUpAfterSeconds: 300, rest: [], namesFiles: false });
});

Deno.test("a file, a folder, and one that does not exist are files; flags and their values are not", () => {
  for (const file of ["tests/command.test.ts", "tests/stack", "tests/missing.test.ts"]) {
    assert(readCommand(["--filter", "stop", file]).namesFiles, file);
  }
  assert(!readCommand(["--filter", "one that stops", "--fail-fast", "--seed=1"]).namesFiles);
});

Deno.test("another runtime is refused", () => {
  for (
    const args of [["--runtime", "docker"], ["--runtime=docker"], ["--runtime="], ["--runtime"], [
      "--runtime",
      "a.test.ts",
    ]]
  ) {
    assert.throws(() => readCommand(args), BadArgument);
  }
});

Deno.test("how long no test may end is understood wherever it stands", () => {
  for (const limit of [["--give-up-after", "2.5"], ["--give-up-after=2.5"]]) {
    for (const args of [[...limit, "tests/stack"], ["tests/stack", ...limit]]) {
      assert.partialDeepStrictEqual(readCommand(args), { giveUpAfterSeconds: 2.5, rest: ["tests/stack"] });
    }
  }
});

Deno.test("what is no time, or none that a timer has, is refused", () => {
  for (const seconds of ["0", "-1", "", "soon", "NaN", "Infinity", "2147484"]) {
    assert.throws(() => readCommand([`--give-up-after=${seconds}`]), BadArgument, seconds);
  }
  assert.throws(() => readCommand(["--give-up-after"]), BadArgument);
});
