import assert from "node:assert/strict";
import { readCommand, UnknownRuntime } from "./command.ts";

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
      assert.deepEqual(readCommand(args), { runtime: "edge", rest: ["--fail-fast", file], namesFiles: true });
    }
  }
  assert.deepEqual(readCommand([]), { runtime: "deno", rest: [], namesFiles: false });
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
    assert.throws(() => readCommand(args), UnknownRuntime);
  }
});
