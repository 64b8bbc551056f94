import assert from "node:assert/strict";
import { useSandbox } from "./local_server.ts";

const shared = useSandbox();

async function run(code: string) {
  const { text, error, logs, results } = await shared.sandbox.runCode(code);
  return { text, error, stdout: logs.stdout.join(""), stderr: logs.stderr.join(""), results };
}

Deno.test("%time and %%time say how long it took, and give the value", async () => {
  const line = await run("y = 20\n%time y + 1");
  assert.match(line.stdout, /^CPU times: user .+, sys: .+, total: .+\nWall time: .+\n$/);
  assert.equal(line.text, "21");
  assert.equal((await run("%%time\nz = 2\nz")).text, "2");
  assert.equal((await run("%%time\n1 / 0")).error?.name, "ZeroDivisionError");
  assert.equal((await run("%time w = 3\nw")).text, "3");
});

Deno.test("%timeit measures as often as it is told to", async () => {
  const each = /^\S+ \S+ ± \S+ \S+ per loop \(mean ± std\. dev\. of 2 runs, 3 loops each\)\n$/;
  assert.match((await run("%timeit -n3 -r2 1")).stdout, each);
  assert.match((await run("%%timeit -n3 -r2 n = 1\nn + 1")).stdout, each);
  const kept = await run("took = %timeit -q -o -n1 -r1 1\n(took.loops, took.average > 0)");
  assert.deepEqual([kept.text, kept.stdout], ["(1, True)", ""]);
  // As often as there is time for: a machine that is busy makes fewer runs of ten million loops.
  assert.match((await run("%timeit 1")).stdout, /of [1-7] runs?, [\d,]+0 loops each/);
  await run("import time");
  assert.match((await run("%timeit time.sleep(0.11)")).stdout, /of 7 runs, 1 loop each/);
});

Deno.test("%%capture keeps what a cell says and shows", async () => {
  const cell = "%%capture caught\nimport sys\nprint('o')\nprint('e', file=sys.stderr)\ndisplay(3)\n7";
  assert.deepEqual(await run(cell), { text: undefined, error: undefined, stdout: "", stderr: "", results: [] });
  assert.equal((await run("caught.stdout, caught.stderr, len(caught.outputs)")).text, "('o\\n', 'e\\n', 2)");
  const again = await run("caught.show()");
  assert.deepEqual([again.stdout, again.stderr], ["o\n", "e\n"]);
  assert.deepEqual(again.results.map(({ text }) => text), ["3", "7"]);
  assert.equal((await run("%%capture\n1 / 0")).error?.name, "ZeroDivisionError");
  const partly = await run("%%capture --no-stdout\nprint('heard')\n1");
  assert.deepEqual([partly.stdout, partly.results], ["heard\n", []]);
});

Deno.test("a magic that there is not is a UsageError in IPython's words", async () => {
  for (
    const [code, words] of [
      ["%nope 1", "Line magic function `%nope` not found."],
      ["%%nope\n1", "Cell magic `%%nope` not found."],
      ["%env NOPE", "Environment does not have key: NOPE"],
      ["%debug", "%debug is not in the kernel of this sandbox."],
    ] as const
  ) {
    const { error, stderr } = await run(code);
    assert.deepEqual([error?.name, error?.value, stderr], ["UsageError", words, `UsageError: ${words}\n`], code);
  }
});

Deno.test("commands are refused in words that say what to use", async () => {
  const commands = [
    "!echo it's",
    "files = !ls",
    "%%bash\necho hi",
    "if True:\n    !ls",
    "get_ipython().system('ls')",
    "!!ls",
  ];
  for (const code of commands) {
    const { error } = await run(code);
    assert.equal(error?.name, "UsageError", code);
    assert.match(error?.value ?? "", /this kernel has no shell.*commands\.run/, code);
  }
});

Deno.test("pip installs nothing, and says how packages come", async () => {
  for (
    const code of ["%pip install numpy", "!pip install numpy", "pip install numpy", "!python -m pip install numpy"]
  ) {
    const { error } = await run(code);
    assert.equal(error?.name, "UsageError", code);
    assert.match(error?.value ?? "", /`deno task packages numpy`/, code);
  }
  assert.equal((await run("%pip install -q decimal")).stdout, "Requirement already satisfied: decimal\n");
});

Deno.test("files and folders by magics", async () => {
  assert.equal((await run("%%writefile /tmp/m/none.txt\na")).error?.name, "FileNotFoundError");
  assert.equal((await run("%mkdir /tmp/m\n%cd /tmp/m")).stdout, "/tmp/m\n");
  assert.equal(
    (await run("%%writefile run.py\nimport sys\nseen = sys.argv[1:]\nprint(__name__)")).stdout,
    "Writing run.py\n",
  );
  assert.equal(
    (await run("%%writefile run.py\nimport sys\nseen = sys.argv[1:]\nprint(__name__)\n")).stdout,
    "Overwriting run.py\n",
  );
  assert.equal((await run("%%writefile -a run.py\nprint(len(seen))")).stdout, "Appending to run.py\n");
  assert.equal((await run("%run run.py a 'b c'")).stdout, "__main__\n2\n");
  assert.equal((await run("seen")).text, "['a', 'b c']");
  assert.equal((await run("%run none.py")).error?.value, "File `'none.py'` not found.");
  assert.equal((await run("%ls")).stdout, "run.py\n");
  assert.match((await run("cat run.py")).stdout, /^import sys\n/);
  assert.match((await run("%cd nowhere")).stdout, /No such file or directory: 'nowhere'\n\/tmp\/m\n$/);
  assert.equal((await run("cd -")).stdout, "/home/user\n");
  assert.equal((await run("folder = %pwd\nfolder")).text, "/home/user");
  assert.equal((await run("pwd")).text, "/home/user");
});

Deno.test("%env reads and sets", async () => {
  assert.equal((await run("name = 'MAGIC'\n%env {name}=a b\nimport os\nos.environ['MAGIC']")).text, "a b");
  assert.equal((await run("%env MAGIC")).text, "a b");
  assert.match((await run("%env")).text ?? "", /'MAGIC': 'a b'/);
});

Deno.test("variables are listed and forgotten", async () => {
  await run("%reset -f\ntext = 'x' * 100\nrows = [1, 2]");
  assert.equal((await run("%who")).stdout, "rows\t text\t \n");
  assert.equal((await run("%who list")).stdout, "rows\t \n");
  assert.equal(
    (await run("%whos")).stdout,
    "Variable   Type    Data/Info\n----------------------------\nrows       list    n=2\n" +
      `text       str     ${"x".repeat(25)}<...>${"x".repeat(25)}\n`,
  );
  assert.equal((await run("%reset")).error?.name, "StdinNotImplementedError");
  await run("%reset -f");
  assert.equal((await run("text")).error?.name, "NameError");
  assert.equal((await run("%who")).stdout, "Interactive namespace is empty.\n");
});

Deno.test("help goes to a pager, which nobody sees; what is missing is told", async () => {
  for (const code of ["len?", "len??", "?len", "x = 1\nx?", "%time?", "?"]) {
    const { text, error, stdout } = await run(code);
    assert.deepEqual([text, error, stdout], [undefined, undefined, ""], code);
  }
  assert.equal((await run("missing?")).stdout, "Object `missing` not found.\n");
});

Deno.test("IPython's syntax is found where it is, and Python's is left alone", async () => {
  const cells: [code: string, text: string | undefined][] = [
    ["s = '''\n%time\n!ls\n'''\ns.strip()", "%time\\n!ls"],
    ["a = 7\n(a\n%4)", "3"],
    ["x = 5; f'{x=!r}'", "x=5"],
    ["for i in range(2):\n    %time i\ni", "1"],
    ["d = {}\nd['k'] = %pwd\nd", "{'k': '/home/user'}"],
    ["%matplotlib inline\n# it's a comment\n[\n1]", "[1]"],
    ["t = %env \\\nHOME\nt", "/home/user"],
    ["ls = 1\nls", "1"],
  ];
  for (const [code, text] of cells) {
    const execution = await run(code);
    assert.deepEqual([execution.text, execution.error], [text, undefined], code);
  }
  assert.equal((await run("print(1")).error?.value.replace(/ \(.*/, ""), "incomplete input");
  assert.equal((await run("%time 'unfinished")).error?.name, "SyntaxError");
});

Deno.test("what a body is shown as instead of run", async () => {
  assert.equal((await run("%%html\n<b>x</b>")).results[0]?.html, "<b>x</b>");
  assert.equal((await run("%%markdown\n*a*")).results[0]?.markdown, "*a*");
});

Deno.test("get_ipython() is a shell with magics, and takes those of cells", async () => {
  assert.equal((await run("get_ipython().run_line_magic('pwd', '')")).text, "/home/user");
  assert.equal((await run("get_ipython().user_ns is globals()")).text, "True");
  await run(`
from IPython.core.magic import register_line_cell_magic
@register_line_cell_magic
def double(line, cell=None):
    return (cell or line) * 2`);
  assert.equal((await run("%double ab")).text, "abab");
  assert.equal((await run("%%double\nab")).text, "abab");
  const pretty = await run("from IPython.lib.pretty import pretty\npretty([int])");
  assert.equal(pretty.text, "[int]");
});
