/** What a native Python leaves out of its start, because it takes long, and whoever wants it has all the same. */
import { Sandbox } from "@e2b/code-interpreter";
import assert from "node:assert/strict";
import { nativeTest, outcome } from "./native_server.ts";

nativeTest("a kernel starts without IPython's terminal and completer, and has them on demand", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const said = await outcome(
    sandbox,
    `
import sys
print([name for name in ("prompt_toolkit", "jedi", "IPython.terminal.embed") if name in sys.modules])
import IPython
print(hasattr(IPython, "nothing"), IPython.terminal.interactiveshell.__name__, IPython.embed.__module__)
shell = get_ipython()
print("%timeit" in shell.complete("%time")[1], shell.Completer is shell.Completer, shell.Completer in shell.configurables)`,
  );
  assert.equal(said, "[]\nFalse IPython.terminal.interactiveshell IPython.terminal.embed\nTrue True True\n");
});
