import assert from "node:assert/strict";
import type { Case } from "./case.ts";

export const CODE: readonly Case[] = [
  {
    name: "variables stay, and the last value is the result",
    isAlone: true,
    run: async (sandbox) => {
      await sandbox.runCode("x = 41");
      const { text, results, executionCount } = await sandbox.runCode("x + 1");
      assert.deepEqual([text, results[0]?.isMainResult, executionCount], ["42", true, 2]);
    },
  },
  {
    name: "output streams while a cell runs",
    run: async (sandbox) => {
      const seen: string[] = [];
      const { logs } = await sandbox.runCode("import sys\nprint('out')\nprint('err', file=sys.stderr)", {
        onStdout: ({ line }) => void seen.push(line),
        onStderr: ({ line, error }) => void seen.push(`${error} ${line}`),
      });
      assert.deepEqual([logs.stdout.join(""), logs.stderr.join("")], ["out\n", "err\n"]);
      assert.deepEqual(seen, ["out\n", "true err\n"]);
    },
  },
  {
    name: "an exception carries a traceback",
    run: async (sandbox) => {
      const { error } = await sandbox.runCode("def f():\n    return 1 / 0\n\nf()");
      assert.deepEqual([error?.name, error?.value], ["ZeroDivisionError", "division by zero"]);
      assert.match(error?.traceback ?? "", /----> 2\s+return 1 \/ 0/);
    },
  },
  {
    name: "an incomplete cell says so",
    run: async (sandbox) => {
      const { error } = await sandbox.runCode("print(1");
      assert.match(`${error?.value}`, /incomplete input/);
    },
  },
  {
    name: "values are printed as IPython prints them, with JSON for lists and dicts",
    run: async (sandbox) => {
      const list = await sandbox.runCode("list(range(30))");
      assert.match(list.text ?? "", /^\[0,\n 1,\n/);
      assert.equal(list.results[0]?.json?.length, 30);
      const dict = await sandbox.runCode("{'b': 1, 'a': [1, 2]}");
      assert.deepEqual([dict.text, dict.results[0]?.json], ["{'b': 1, 'a': [1, 2]}", { b: 1, a: [1, 2] }]);
      assert.equal((await sandbox.runCode("class Foo: pass\nFoo")).text, "__main__.Foo");
      assert.equal((await sandbox.runCode("def f(a, b=1): pass\nf")).text, "<function __main__.f(a, b=1)>");
      assert.equal((await sandbox.runCode("'text'")).text, "text");
      assert.equal((await sandbox.runCode("None")).text, undefined);
      assert.equal((await sandbox.runCode("7;")).text, undefined);
    },
  },
  {
    name: "objects show themselves",
    run: async (sandbox) => {
      const { results } = await sandbox.runCode(`
from IPython.display import HTML, Markdown, display
class Own:
    def _repr_html_(self): return "<b>own</b>"
    def _repr_mimebundle_(self, include=None, exclude=None): return {"text/latex": "$x$"}
display(HTML("<i>one</i>"), Markdown("*two*"))
Own()`);
      assert.deepEqual(results.map(({ html }) => html), ["<i>one</i>", undefined, "<b>own</b>"]);
      assert.deepEqual([results[1]?.markdown, results[2]?.latex], ["*two*", "$x$"]);
      assert.deepEqual(results.map(({ isMainResult }) => isMainResult), [false, false, true]);
    },
  },
  {
    name: "magics, history and await are there",
    isAlone: true,
    run: async (sandbox) => {
      await sandbox.runCode("40 + 2");
      assert.equal((await sandbox.runCode("_ + Out[1]")).text, "84");
      assert.match((await sandbox.runCode("%time sum(range(10))")).logs.stdout.join(""), /Wall time/);
      assert.equal((await sandbox.runCode("%%capture kept\nprint('hidden')")).logs.stdout.join(""), "");
      assert.equal((await sandbox.runCode("kept.stdout")).text, "'hidden\\n'".slice(1, -1));
      assert.equal((await sandbox.runCode("import asyncio\nawait asyncio.sleep(0, 'awaited')")).text, "awaited");
      assert.match((await sandbox.runCode("%nope")).logs.stderr.join(""), /magic function `%nope` not found/);
    },
  },
  {
    name: "environment variables are the sandbox's, or an execution's alone",
    run: async (sandbox) => {
      const code = "import os\nos.environ.get('ONE')";
      assert.equal((await sandbox.runCode(code, { envs: { ONE: "1" } })).text, "1");
      assert.equal((await sandbox.runCode(code)).text, undefined);
    },
  },
  {
    name: "contexts have variables of their own, and begin anew when they are restarted",
    isAlone: true,
    run: async (sandbox) => {
      const context = await sandbox.createCodeContext({ cwd: "/tmp" });
      await sandbox.runCode("x = 1", { context });
      assert.equal((await sandbox.runCode("import os\nos.getcwd()", { context })).text, "/tmp");
      assert.equal((await sandbox.runCode("x")).error?.name, "NameError");
      await sandbox.restartCodeContext(context);
      assert.equal((await sandbox.runCode("x", { context })).error?.name, "NameError");
      await sandbox.removeCodeContext(context);
      const left = await sandbox.listCodeContexts();
      assert(!left.some(({ id }) => id === context.id));
      assert(["python", "javascript"].every((each) => left.some(({ language }) => language === each)));
    },
  },
  {
    name: "JavaScript and TypeScript run, with their own variables and imports",
    run: async (sandbox) => {
      for (const language of ["js", " TypeScript "]) {
        await sandbox.runCode('import { basename } from "node:path"\nconst kept = basename("/a/b")', { language });
        const { results } = await sandbox.runCode("({ kept, awaited: await Promise.resolve(1) })", { language });
        assert.deepEqual(results[0]?.json, { kept: "b", awaited: 1 });
      }
    },
  },
  {
    name: "a language without a kernel is told in words",
    run: async (sandbox) => {
      const { error } = await sandbox.runCode("1", { language: "cobol" });
      assert.match(`${error?.value}`, /python/);
    },
  },
  {
    name: "exit() ends the kernel after its cell, without an error",
    isAlone: true,
    run: async (sandbox) => {
      for (let round = 0; round < 3; round++) {
        await sandbox.runCode("x = 1");
        assert.equal((await sandbox.runCode("exit()")).error, undefined);
        assert.equal((await sandbox.runCode("x")).error?.name, "NameError");
      }
    },
  },
  {
    name: "a time limit interrupts, and variables stay",
    run: async (sandbox) => {
      await sandbox.runCode("x = 'kept'");
      await assert.rejects(sandbox.runCode("while True: pass", { timeoutMs: 1000 }));
      assert.equal((await sandbox.runCode("x")).text, "kept");
    },
  },
  {
    name: "bash keeps variables, and its folder",
    needs: ["bash kernel"],
    run: async (sandbox) => {
      const language = "bash";
      await sandbox.runCode("x=5; cd /tmp", { language });
      const { logs, error } = await sandbox.runCode('echo "$x $PWD"; false', { language });
      assert.deepEqual([logs.stdout.join(""), error?.value], ["5 /tmp\n", "1"]);
    },
  },
  {
    name: "bash has an execution's variables, and a pipe that breaks is not told of",
    needs: ["bash kernel"],
    run: async (sandbox) => {
      const { logs } = await sandbox.runCode('echo "$ONE"; yes | head -1', { language: "bash", envs: { ONE: "1" } });
      assert.deepEqual([logs.stdout.join(""), logs.stderr.join("")], ["1\ny\n", ""]);
      assert.equal((await sandbox.runCode('echo "[$ONE]"', { language: "bash" })).logs.stdout.join(""), "[]\n");
    },
  },
  {
    name: "R keeps variables, has an execution's own, and shows what it draws",
    needs: ["R kernel"],
    run: async (sandbox) => {
      const language = "r";
      await sandbox.runCode("x <- 41", { language });
      const { logs } = await sandbox.runCode('cat(x + 1, Sys.getenv("ONE"))', { language, envs: { ONE: "1" } });
      assert.equal(logs.stdout.join(""), "42 1");
      assert.match((await sandbox.runCode("plot(1:3)", { language })).results[0]?.png ?? "", /^iVBORw0KGgo/);
    },
  },
  {
    name: "numpy, pandas and matplotlib are there",
    needs: ["numpy"],
    run: async (sandbox) => {
      const frame = await sandbox.runCode("import pandas\npandas.DataFrame({'a': [1, 2]})");
      assert.match(frame.results[0]?.html ?? "", /<table/);
      assert.deepEqual(frame.results[0]?.data, { a: [1, 2] });
      const { results } = await sandbox.runCode("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()");
      assert.match(results[0]?.png ?? "", /^iVBORw0KGgo/);
    },
  },
  {
    name: "a figure says what it shows",
    needs: ["charts"],
    run: async (sandbox) => {
      const { results } = await sandbox.runCode(
        "import matplotlib.pyplot as plt\nplt.bar(['a', 'b'], [1, 2])\nplt.title('Bars')\nplt.show()",
      );
      assert.deepEqual([results[0]?.chart?.type, results[0]?.chart?.title], ["bar", "Bars"]);
    },
  },
];
