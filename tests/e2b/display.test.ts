import assert from "node:assert/strict";
import { e2bTest, useSandbox } from "./local_server.ts";

const shared = useSandbox();

const PNG = "iVBORw0KGgo=";

/** The formats of a cell's last result. */
async function shown(code: string): Promise<unknown> {
  const { results, error } = await shared.sandbox.runCode(`from IPython.display import *\n${code}`);
  assert.equal(error, undefined, `${code}: ${error?.traceback}`);
  return results.at(-1)?.raw;
}

Deno.test("IPython.display's objects show themselves as what they are", async () => {
  await shared.sandbox.runCode("open('i.png', 'wb').write(b'\\x89PNG\\r\\n\\x1a\\n')");
  const core = (name: string) => `<IPython.core.display.${name} object>`;
  const cells: [code: string, formats: Record<string, unknown>][] = [
    ["HTML('<b>')", { text: core("HTML"), html: "<b>" }],
    ["Markdown('*a*')", { text: core("Markdown"), markdown: "*a*" }],
    ["Math('a')", { text: core("Math"), latex: "$\\displaystyle a$" }],
    ["JSON({'a': [1]})", { text: core("JSON"), json: { a: [1] } }],
    ["Javascript('1')", { text: core("Javascript"), javascript: "1" }],
    ["SVG('<?xml?><svg/>')", { text: core("SVG"), svg: "<svg/>" }],
    ["Image('i.png')", { text: core("Image"), png: PNG }],
    ["Image(filename='i.png')", { text: core("Image"), png: PNG }],
    ["Image(data=b'\\xff\\xd8\\xff')", { text: core("Image"), jpeg: "/9j/" }],
    ["Image(url='http://a/b.png', width=5)", { text: core("Image"), html: '<img src="http://a/b.png" width="5"/>' }],
    ["Video('http://a/b.mp4')", {
      text: core("Video"),
      html:
        '<video src="http://a/b.mp4" controls>\nYour browser does not support the <code>video</code> element.\n</video>',
    }],
    ["Pretty('abc')", { text: "abc" }],
    ["FileLink('i.png')", { text: "/home/user/i.png", html: "<a href='i.png' target='_blank'>i.png</a><br>" }],
  ];
  for (const [code, formats] of cells) assert.deepEqual(await shown(code), { ...formats, extra: {} }, code);
  const audio = await shared.sandbox.runCode("Audio([0.0, 0.5, 1.0], rate=8000)");
  // The same samples as IPython's.
  assert.match(audio.results[0]?.html ?? "", /data:audio\/wav;base64,UklGRioAAABXQVZF.*AAAP8\/\/38=/);
  const frame = await shared.sandbox.runCode("IFrame('http://a', 10, 20, b=1)");
  assert.match(frame.results[0]?.html ?? "", /src="http:\/\/a\?b=1"/);
  assert.equal((await shared.sandbox.runCode("Image('none.png')")).error?.name, "FileNotFoundError");
});

Deno.test("an object may show itself, or refuse to", async () => {
  const { results, logs, text } = await shared.sandbox.runCode(`
class Itself:
    def _ipython_display_(self): print("itself")
class Refuses:
    def _ipython_display_(self): raise NotImplementedError
    def __repr__(self): return "plain"
display(Itself(), Refuses())
Itself()`);
  assert.deepEqual([results.map((result) => result.text), logs.stdout.join("")], [["plain"], "itself\nitself\n"]);
  assert.equal(text, undefined);
});

Deno.test("a bundle of the object's own comes before its other formats, as far as it is wanted", async () => {
  const bundle = `
class Both:
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/plain": "bundled", "text/html": "<b>"}, {}
    def _repr_html_(self): return "hidden"
    def _repr_latex_(self): return "$l$"
`;
  const all = await shared.sandbox.runCode(`${bundle}Both()`);
  assert.deepEqual(all.results[0]?.raw, { text: "bundled", html: "<b>", latex: "$l$", extra: {} });
  const some = await shared.sandbox.runCode(
    `display(Both(), include=["text/html"])\ndisplay(Both(), exclude=["text/html"])`,
  );
  assert.deepEqual(some.results.map(({ raw }) => raw), [
    { html: "<b>", extra: {} },
    { text: "bundled", latex: "$l$", extra: {} },
  ]);
});

Deno.test("what takes the place of another result is not shown, as E2B's stream cannot", async () => {
  const { results, error } = await shared.sandbox.runCode(`
from IPython.display import clear_output, update_display
handle = display("first", display_id="a")
handle.update("second")
update_display("third", display_id="a")
clear_output(wait=True)
handle`);
  assert.equal(error, undefined);
  assert.deepEqual(results.map(({ text }) => text), ["first", "<DisplayHandle display_id=a>"]);
});

e2bTest("results and cells are kept under IPython's names", async (connection) => {
  const { Sandbox } = await import("@e2b/code-interpreter");
  const sandbox = await Sandbox.create(connection);
  const run = async (code: string) => (await sandbox.runCode(code)).text;
  await run("5");
  await run("6");
  assert.equal(await run("(_, __, _1, Out[2], _i)"), "(6, 5, 5, 6, '6')");
  assert.equal(await run("In[-2:], _i3 == _i"), "(['(_, __, _1, Out[2], _i)', 'In[-2:], _i3 == _i'], True)");
  await run("7;");
  assert.equal(await run("_ == 7, sorted(Out)"), "(False, [1, 2, 3, 4])");
  await run("_ = 'mine'");
  await run("8");
  assert.equal(await run("_"), "mine");
});

e2bTest("exit() ends the kernel after its cell, and the next one starts anew", async (connection) => {
  const { Sandbox } = await import("@e2b/code-interpreter");
  const sandbox = await Sandbox.create(connection);
  for (const leave of ["exit()", "quit", "exit"]) {
    const { error, logs } = await sandbox.runCode(`x = 1\nopen('kept', 'w').write('a')\nprint('said')\n${leave}`);
    assert.deepEqual([error, logs.stdout], [undefined, ["said\n"]], leave);
    const next = await sandbox.runCode("'x' in globals(), open('kept').read()");
    assert.deepEqual([next.text, next.executionCount], ["(False, 'a')", 1], leave);
  }
});
