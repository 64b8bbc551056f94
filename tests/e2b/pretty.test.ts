import assert from "node:assert/strict";
import { useSandbox } from "./local_server.ts";

const shared = useSandbox();

/** What IPython 8.5 and its kernel showed for the same cells. */
const SHOWN: readonly [code: string, text: string][] = [
  ["list(range(3))", "[0, 1, 2]"],
  ["['x' * 40, 'y' * 40]", `['${"x".repeat(40)}',\n '${"y".repeat(40)}']`],
  ["{'b': 1, 'a': {2, 1}, (1,): ()}", "{'b': 1, 'a': {1, 2}, (1,): ()}"],
  ["{'k': ['x' * 40, {'a': 'y' * 40}]}", `{'k': ['${"x".repeat(40)}',\n  {'a': '${"y".repeat(40)}'}]}`],
  ["class Foo: pass\nFoo", "__main__.Foo"],
  ["[int, Foo, type(None)]", "[int, __main__.Foo, NoneType]"],
  ["def f(a, b=1): pass\nf", "<function __main__.f(a, b=1)>"],
  ["lambda x: x", "<function __main__.<lambda>(x)>"],
  ["len", "<function len(obj, /)>"],
  ["class E(Exception): pass\n[ValueError('a', 1), E(1)]", "[ValueError('a', 1), __main__.E(1)]"],
  [
    "import collections as c\n[c.defaultdict(list, {1: [2]}), c.Counter('aab'), c.OrderedDict(a=1), c.deque([1], 3)]",
    "[defaultdict(list, {1: [2]}),\n Counter({'a': 2, 'b': 1}),\n OrderedDict([('a', 1)]),\n deque([1], maxlen=3)]",
  ],
  ["c.namedtuple('P', 'x y')(1, 2)", "P(x=1, y=2)"],
  ["import types\ntypes.SimpleNamespace(a='x' * 40, b='y' * 40)", namespace()],
  ["types.MappingProxyType({'a': 1})", "mappingproxy({'a': 1})"],
  ["import re\nre.compile('a', re.I)", "re.compile(r'a', re.IGNORECASE|re.UNICODE)"],
  [
    "import dataclasses\n@dataclasses.dataclass\nclass D:\n  a: list\nD([1] * 40)",
    `D(a=[${Array(40).fill(1).join(", ")}])`,
  ],
  ["l = [1]; l.append(l); l", "[1, [...]]"],
  ["d = {}; d[1] = d; d", "{1: {...}}"],
  ["class L(list): pass\nL([1])", "[1]"],
  ["class M(list):\n  def __repr__(self): return 'own'\n[M()]", "[own]"],
  ["class N:\n  def __repr__(self): return 'two\\nlines'\n[N()]", "[two\n lines]"],
  [
    `class R:
  def _repr_pretty_(self, p, cycle):
    with p.group(4, 'R(', ')'):
      p.pretty(list(range(20))); p.text(','); p.breakable(); p.text('x'); p.break_(); p.text('y')
[R()]`,
    "[R([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19],\n     x\n     y)]",
  ],
];

function namespace(): string {
  return `namespace(a='${"x".repeat(40)}',\n          b='${"y".repeat(40)}')`;
}

for (const [code, text] of SHOWN) {
  Deno.test(`IPython's text of ${code.split("\n").at(-1)}`, async () => {
    const execution = await shared.sandbox.runCode(code);
    assert.deepEqual([execution.text, execution.error], [text, undefined]);
  });
}

Deno.test("an object without a text of its own is shown with its class and place", async () => {
  assert.match((await shared.sandbox.runCode("class A: pass\n[A()]")).text ?? "", /^\[<__main__\.A at 0x[0-9a-f]+>\]$/);
});

Deno.test("of a long list the first thousand are shown, and its json has all of them", async () => {
  const { results } = await shared.sandbox.runCode("list(range(1003))");
  const lines = results[0]?.text?.split("\n") ?? [];
  assert.deepEqual([lines[0], lines[999], lines[1000], lines.length], ["[0,", " 999,", " ...]", 1001]);
  const json: unknown = results[0]?.json;
  assert(Array.isArray(json));
  assert.equal(json.length, 1003);
});

Deno.test("a value whose text fails is an error, and no result", async () => {
  const code = "class Broken:\n  def __repr__(self): raise ValueError('no text')\n";
  const { results, error } = await shared.sandbox.runCode(`${code}[Broken()]`);
  assert.deepEqual([results, error?.name, error?.value], [[], "ValueError", "no text"]);
  assert.match(error?.traceback ?? "", /def __repr__/);
  const { results: rich } = await shared.sandbox.runCode(`${code}  def _repr_html_(self): return "<b>"\nBroken()`);
  assert.deepEqual(rich.map(({ text, html }) => [text, html]), [[undefined, "<b>"]]);
});

Deno.test("dicts and lists have json, where JSON can hold them", async () => {
  const cells: [code: string, json: unknown][] = [
    ["{'a': [1, 2.5, None, True, (1,)], 3: 'ü'}", { a: [1, 2.5, null, true, [1]], 3: "ü" }],
    ["[float('nan')]", [null]],
    ["import datetime, uuid, enum\n[datetime.date(2020, 1, 2), uuid.UUID(int=0)]", [
      "2020-01-02",
      "00000000-0000-0000-0000-000000000000",
    ]],
    ["import dataclasses\n@dataclasses.dataclass\nclass D:\n  a: int\n[D(1)]", [{ a: 1 }]],
    ["[{1, 2}]", undefined],
    ["{(1, 2): 3}", undefined],
    ["[2 ** 64]", undefined],
    ["l = []; l.append(l); l", undefined],
    ["(1, 2)", undefined],
    ["'text'", undefined],
  ];
  for (const [code, json] of cells) {
    const { results, error } = await shared.sandbox.runCode(code);
    assert.deepEqual([results[0]?.json, error], [json, undefined], code);
  }
});

Deno.test("a result whose json is too long is shown without it", async () => {
  const { results, logs, error } = await shared.sandbox.runCode("['x' * 1000] * 20_000");
  assert.equal(error, undefined);
  assert.equal(results[0]?.json, undefined);
  assert.match(results[0]?.text ?? "", /^\['x+',\n/);
  assert.match(logs.stderr.join(""), /json was left out/);
});
