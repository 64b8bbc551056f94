/** What a fork of a native sandbox goes on with. */
import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { eventually } from "../support/settle.ts";
import { nativeTest, outcome } from "./native_server.ts";

const GIB = 1024 ** 3;

/** The forks of a sandbox, none of which has failed. */
async function forksOf(sandbox: Sandbox, count = 1): Promise<Sandbox[]> {
  return (await sandbox.fork({ count, timeoutMs: 300_000 })).map((fork) => {
    if (fork instanceof Error) throw fork;
    return fork;
  });
}

async function forkOf(sandbox: Sandbox): Promise<Sandbox> {
  const [fork] = await forksOf(sandbox);
  assert(fork);
  return fork;
}

/** Each leaves variables behind, whose names are its own, and prints what is expected of them. */
const VALUES: Readonly<Record<string, { readonly before: string; readonly after: string; readonly says: string }>> = {
  "two names of one thing": {
    before: "shared = [1]; also = shared; ring = []; ring.append(ring)",
    after: "shared.append(2); print(also, ring[0] is ring)",
    says: "[1, 2] True",
  },
  "functions, whose globals are the variables": {
    before: `
factor = 2
def scaled(x: int, *, by=3) -> int:
    "doc"
    return x * by * factor
scaled.note = "n"
async def later(): return factor`,
    after: "factor = 5; print(scaled(1), scaled.__doc__, scaled.note, scaled.__annotations__['x'], await later())",
    says: "15 doc n <class 'int'> 5",
  },
  "closures that share what they change": {
    before: `
def counter():
    n = 0
    def up():
        nonlocal n
        n += 1
        return n
    return up, lambda: n
up, count = counter(); up()
def recursive():
    def f(n): return 1 if n == 0 else n * f(n - 1)
    return f
factorial = recursive()`,
    after: "up(); print(count(), factorial(5))",
    says: "2 120",
  },
  "classes, which are those of their instances": {
    before: `
import abc, dataclasses, functools
class Base(abc.ABC):
    made = []
    def __init_subclass__(cls): Base.made.append(cls.__name__)
    @abc.abstractmethod
    def value(self): ...
class Child(Base):
    __slots__ = ("own", "__hidden")
    def __init__(self): self.own, self.__hidden = 1, 2
    def value(self): return self.own + self.__hidden
    @classmethod
    def new(cls): return cls()
    @staticmethod
    def fixed(): return 7
    @property
    def half(self): return self.value() / 2
Child.example = Child()
class Meta(type):
    def __call__(cls, *args):
        cls.calls = getattr(cls, "calls", 0) + 1
        return super().__call__(*args)
class Counted(metaclass=Meta): pass
Counted()
@dataclasses.dataclass(order=True)
class Point:
    x: int
    tags: list = dataclasses.field(default_factory=list)
point = Point(1)`,
    after: `
class Grandchild(Child):
    def value(self): return super().value() + 1
Counted()
print(type(Child.example) is Child, Child.new().half, Child.fixed(), Grandchild().value(), Base.made, Counted.calls)
print(point == Point(1), point < Point(2), Point(3).tags, dataclasses.replace(point, x=9), isinstance(point, Point))`,
    says: "True 1.5 7 4 ['Child', 'Grandchild'] 2\nTrue True [] Point(x=9, tags=[]) True",
  },
  "enumerations, named tuples and types": {
    before: `
import enum, typing, collections
class Colour(enum.Enum):
    RED = 1
    BLUE = "b"
class Mode(enum.IntFlag):
    R = 4
    W = 2
class Row(typing.NamedTuple):
    a: int
    b: int = 3
    def total(self): return self.a + self.b
Row.empty = Row(0, 0)
Pair = collections.namedtuple("Pair", "l r")
T = typing.TypeVar("T")
class Box(typing.Generic[T]): pass
class Doc(typing.TypedDict):
    a: int
class Closes(typing.Protocol):
    def close(self): ...
red, both, row, pair, box = Colour.RED, Mode.R | Mode.W, Row(1), Pair(1, 2), Box[int]()`,
    after: `
print(red is Colour.RED, Colour("b"), both is Mode(6), list(Colour), row.total() + Row.empty.total(), Row(4), pair._replace(l=9))
print(type(box) is Box, Box[T], Doc.__annotations__, Doc(a=1))`,
    says: "True Colour.BLUE True [<Colour.RED: 1>, <Colour.BLUE: 'b'>] 4 Row(a=4, b=3) Pair(l=9, r=2)\n" +
      "True __main__.Box[~T] {'a': <class 'int'>} {'a': 1}",
  },
  "numpy's arrays, with the memory that they share, and pandas' frames": {
    before: `
import array, numpy as np, pandas as pd
raw = bytearray(b"abcd"); of_raw = np.frombuffer(raw, "u1")[1:]; ints = array.array("i", [1, 2]); of_ints = np.asarray(ints)
days = np.array(["2020-01-01", "2021-01-01"], "M8[D]"); back = days[::-1]
base = np.arange(6.0); part = base[2:4]; turned = base.reshape(2, 3).T
things = np.array([{}, []], dtype=object)[::-1]
frame = pd.DataFrame({"a": [1, 2], "when": pd.to_datetime(["2020-01-01", None]), "c": pd.Categorical(["x", "y"])})
column = frame["a"]; generator = np.random.default_rng(3); pd.set_option("display.max_rows", 7)`,
    after: `
raw[1] = 65; ints[0] = 9; days[0] = "1999-01-01"; print(of_raw, of_ints, back)
base[2] = 9
print(part, turned[2, 0], things, frame.dtypes.astype(str).tolist(), frame.when.isna().tolist(), column.sum())
print(round(generator.random(), 6), pd.get_option("display.max_rows"))`,
    says:
      "[ 65  99 100] [9 2] ['2021-01-01' '1999-01-01']\n[9. 3.] 9.0 [list([]) {}] ['int64', 'datetime64[ns]', 'category'] [False, True] 3\n0.085649 7",
  },
  "a figure of matplotlib": {
    before: "import matplotlib.pyplot as plt\nfigure, axes = plt.subplots(); axes.plot([1, 4]); plt.close(figure)",
    after: "print(axes.figure is figure, axes.lines[0].get_ydata())",
    says: "True [1 4]",
  },
  "random numbers, which go on": {
    before: "import random\nrandom.seed(5); np.random.seed(4); drawn = random.random()",
    after: "print(round(random.random(), 6), round(np.random.rand(), 6))",
    says: "0.741787 0.96703",
  },
  "what a program keeps": {
    before: `
import collections, datetime, decimal, io, itertools, queue, re, subprocess, sys, threading, weakref
from functools import lru_cache, partial, singledispatch, wraps
free = threading.Lock(); done = threading.Event(); done.set(); waiting = queue.Queue(); waiting.put(1)
match = re.search("b(.)", "abcd"); counted = itertools.count(5); next(counted)
listed = iter([1, 2, 3]); next(listed); defaults = collections.defaultdict(lambda: 5)
buffer = io.BytesIO(b"abc"); buffer.read(1); ended = subprocess.run(["true"]);
output_stream = sys.stdout
with open("closed", "w") as closed: pass
class Node: pass
chain = None
for _ in range(20_000):
    node = Node(); node.next = chain; chain = node
weak = weakref.ref(chain); by_node = weakref.WeakKeyDictionary({chain: 1})
@lru_cache
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
@singledispatch
def kind(value): return "any"
@kind.register
def _of_int(value: int): return "int"
@wraps(fib)
def wrapped(n): return fib(n)
try:
    try: 1 / 0
    except Exception as error: raise ValueError("v") from error
except Exception as error: failure = error
apart = {}; exec("def from_apart(): return value", apart); apart["value"] = 3`,
    after: `
print(free.acquire(False), done.is_set(), waiting.get(), match.group(1), next(counted), list(listed), defaults[0])
print(buffer.read(), ended.returncode, output_stream is sys.stdout, closed.closed, closed.name, weak() is chain, by_node[chain])
print(fib(30), kind(1), kind(""), wrapped.__wrapped__ is fib, repr(failure), repr(failure.__cause__), apart["from_apart"]())
free.release()`,
    says: "True True 1 c 6 [2, 3] 5\nb'bc' 0 True True closed True 1\n" +
      "832040 int any True ValueError('v') ZeroDivisionError('division by zero') 3",
  },
  "what cells have made of IPython, loggers and signals": {
    before: `
import io, logging, signal
from IPython.core.magic import register_line_magic
@register_line_magic
def hello(line): return f"hello {line}"
stream = io.StringIO(); logging.basicConfig(level=logging.INFO, stream=stream, force=True)
_before = signal.signal(signal.SIGUSR1, lambda *_: print("heard"))`,
    after: `
logging.info("logged"); print(get_ipython().run_line_magic("hello", "you"), stream.getvalue().strip())
signal.raise_signal(signal.SIGUSR1)`,
    says: "hello you INFO:root:logged\nheard",
  },
  "modules of the sandbox's own files": {
    before: `
with open("helper.py", "w") as file: file.write("state = []\\nclass Helper:\\n    def get(self): return state\\n")
import helper, os, xml.dom.minidom
helper.state.append(1); help_object = helper.Helper()`,
    after: `
import helper as again
print(again is helper, help_object.get() is helper.state, type(help_object) is helper.Helper, helper.state)
print(xml.dom.minidom.parseString("<a/>").documentElement.tagName)`,
    says: "True True True [1]\na",
  },
  "what the process is set to": {
    before: `
import decimal, gc, time, warnings
decimal.getcontext().prec = 5; sys.set_int_max_str_digits(0); gc.disable()
os.environ["TZ"] = "Asia/Tokyo"; time.tzset(); _old = os.umask(0o77)
_none = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
os.environ["OWN"] = "1"; os.makedirs("below", exist_ok=True); sys.path.append("/home/user/below"); os.chdir("below")
warnings.simplefilter("error", UserWarning)`,
    after: `
print(os.getcwd(), os.environ["OWN"], "/home/user/below" in sys.path, os.environ["E2B_SANDBOX"])
try: warnings.warn("w")
except UserWarning: print("raised")
print(decimal.Decimal(1) / 3, len(str(10**5000)), gc.isenabled(), time.localtime(0).tm_hour, oct(os.umask(0o77)))
print([number.name for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])])`,
    says: "/home/user/below 1 True true\nraised\n0.33333 5001 False 9 0o77\n['SIGUSR2']",
  },
};

nativeTest("a fork goes on with every kind of value, and so does its source", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  for (const [name, { before }] of Object.entries(VALUES)) assert.equal(await outcome(sandbox, before), "", name);
  const fork = await forkOf(sandbox);
  const second = await forkOf(fork);
  for (const [name, { after, says }] of Object.entries(VALUES)) {
    for (const each of [fork, sandbox, second]) assert.equal(await outcome(each, after), `${says}\n`, name);
  }
}, { memoryLimitBytes: GIB });

nativeTest("a fork has its source's history, and counts on", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode("x = 40");
  await sandbox.runCode("x + 2");
  await sandbox.runCode("def fails():\n    raise ValueError('here')");
  const fork = await forkOf(sandbox);
  const { logs, executionCount } = await fork.runCode(
    "print(_, Out, In[1], _i1, In is _ih, get_ipython().execution_count)",
  );
  assert.deepEqual([logs.stdout.join(""), executionCount], ["42 {2: 42} x = 40 x = 40 True 4\n", 4]);
  const { error } = await fork.runCode("fails()");
  assert.match(error?.traceback ?? "", /raise ValueError\('here'\)/);
  const ids = await outcome(fork, "import os; print(os.environ['E2B_SANDBOX_ID'])");
  assert.equal(ids, `${fork.sandboxId}\n`);
});

nativeTest("the files of a fork are its source's, as they were, and then its own", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const made = await outcome(
    sandbox,
    `
import os
for path in ("text", "/tmp/text", "/root/text", "/dev/shm/text"):
    with open(path, "w") as file: file.write(path)
os.mkdir("folder"); os.symlink("/home/user/text", "folder/link"); os.symlink("/nowhere", "folder/dead")
os.mkdir("shut"); open("shut/inside", "w").close(); os.chmod("shut", 0)
with open("holes", "wb") as file:
    file.truncate(400_000_000); file.seek(300_000_000); file.write(b"end")
os.mkfifo("pipe"); os.chmod("text", 0o400); os.utime("text", ns=(10**18 + 5, 10**18 + 5))`,
  );
  assert.equal(made, "");
  await sandbox.files.write("noted", "n", { metadata: { by: "me" } });
  const fork = await forkOf(sandbox);
  await sandbox.files.write("later", "of the source");
  assert.equal(await fork.files.exists("later"), false);
  assert.deepEqual((await fork.files.getInfo("noted")).metadata, { by: "me" });
  const seen = await outcome(
    fork,
    `
print([open(path).read() for path in ("text", "/tmp/text", "/root/text", "/dev/shm/text")])
status = os.stat("text"); print(oct(status.st_mode), status.st_mtime_ns, oct(os.stat("shut").st_mode))
print(os.readlink("folder/link"), os.readlink("folder/dead"), os.path.lexists("pipe"))
with open("holes", "rb") as file:
    file.seek(299_999_999); print(file.read(4), os.stat("holes").st_blocks < 1000)
os.chmod("shut", 0o700); print(os.listdir("shut"))`,
  );
  assert.equal(
    seen,
    "['text', '/tmp/text', '/root/text', '/dev/shm/text']\n0o100400 1000000000000000005 0o40000\n" +
      "/home/user/text /nowhere False\nb'\\x00end' True\n['inside']\n",
  );
});

nativeTest(
  "ten forks of one moment do not know of each other, nor does a fork of one that was never used",
  async (connection) => {
    const sandbox = await Sandbox.create(connection);
    await sandbox.runCode("values = ['of the source']");
    const context = await sandbox.createCodeContext({ cwd: "/home/user" });
    await sandbox.runCode("values = 'of a context'", { context });
    const forks = await forksOf(sandbox, 10);
    await sandbox.runCode("values.append('later')");
    const unused = forks.pop();
    assert(unused);
    const said = await Promise.all(forks.map(async (fork, index) => {
      await fork.runCode(`values.append(${index})`);
      return await outcome(fork, "print(values)");
    }));
    assert.deepEqual(said, forks.map((_fork, index) => `['of the source', ${index}]\n`));
    const grandchild = await forkOf(unused);
    assert.equal(await outcome(grandchild, "print(values)"), "['of the source']\n");
    const { logs } = await grandchild.runCode("print(values)", { context });
    assert.deepEqual(logs.stdout, ["of a context\n"]);
  },
  { memoryLimitBytes: GIB },
);

nativeTest("what a fork begins with it has once: a kernel that is restarted is empty", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode("value = 1");
  const fork = await forkOf(sandbox);
  assert.match(await outcome(fork, "import os; os.kill(os.getpid(), 9)"), /ContextRestarting/);
  assert.match(await outcome(fork, "value"), /NameError/);
  assert.equal(await outcome(sandbox, "print(value)"), "1\n");
});

nativeTest("a running cell is interrupted, and its variables are carried as they are then", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode("n = 0");
  const running = sandbox.runCode("while True:\n    n += 1\n    if n == 3: print('now')", {
    timeoutMs: 0,
    onStdout: () => begun(),
  });
  let begun = () => {};
  const reached = new Promise<void>((resolve) => begun = resolve);
  running.catch(() => {});
  await reached;
  const fork = await forkOf(sandbox);
  await assert.rejects(running);
  assert.equal(await outcome(fork, "print(n >= 3)"), "True\n");
  assert.equal(await outcome(sandbox, "print(n >= 3)"), "True\n");
});

nativeTest("a frame of 80 MB is carried", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode("import numpy as np, pandas as pd\nframe = pd.DataFrame(np.ones((2_000_000, 5)))");
  const fork = await forkOf(sandbox);
  const said = "print(int(frame.to_numpy().sum()), int(frame.memory_usage(index=False).sum()))";
  assert.equal(await outcome(fork, said), "10000000 80000000\n");
  assert.equal(await outcome(sandbox, said), "10000000 80000000\n");
}, { memoryLimitBytes: GIB });

nativeTest("a snapshot outlives its sandbox with the variables", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode("value = [1]");
  const { snapshotId } = await sandbox.createSnapshot();
  await sandbox.kill();
  // The machine that was made at first waits for nobody for ever.
  const made = await Promise.all([1, 2].map(() => Sandbox.create(snapshotId, connection)));
  for (const each of made) assert.equal(await outcome(each, "value.append(2); print(value)"), "[1, 2]\n");
});

nativeTest("what a program has said between two cells is not lost by a fork", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode("import os\n_ = os.system('(while [ ! -e go ]; do sleep 0.01; done; echo late) &')");
  await sandbox.files.write("go", "");
  await eventually("it has ended", async () => (await sandbox.fork().catch(() => [])).length === 1);
  assert.equal(await outcome(sandbox, "print('next')"), "late\nnext\n");
}, { memoryLimitBytes: GIB });

nativeTest("a kernel whose children nobody waits for is carried, too", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode("import signal\nbefore = signal.signal(signal.SIGCHLD, signal.SIG_IGN)");
  const fork = await forkOf(sandbox);
  const kept = "print(signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN)";
  assert.deepEqual([await outcome(fork, kept), await outcome(sandbox, kept)], ["True\n", "True\n"]);
});

nativeTest("a fork shows figures as its source does", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  await sandbox.runCode(
    "import matplotlib.pyplot as plt\nfigure, axes = plt.subplots(); axes.plot([1, 2])\nplt.close()",
  );
  const fork = await forkOf(sandbox);
  const { results: [carried] } = await fork.runCode("figure");
  const { results: [drawn] } = await fork.runCode("_ = plt.plot([1, 4])");
  assert(carried?.png && drawn?.png);
  assert.deepEqual([carried.chart?.type, drawn.chart?.type], ["line", "line"]);
});

nativeTest("a sandbox that was never used is forked as one", async (connection, server) => {
  const sandbox = await Sandbox.create(connection);
  const fork = await forkOf(sandbox);
  assert.equal(await outcome(fork, "print(1)"), "1\n");
  await eventually("both are there", () => server.sandboxes().length === 2);
});

nativeTest("what libraries keep open of the system keeps no sandbox from being forked", async (connection) => {
  const sandbox = await Sandbox.create(connection);
  const plot = "import pandas; frame = pandas.DataFrame({'x': [1, 2]}); frame.plot(title='drawn with a font');";
  const { results } = await sandbox.runCode(plot);
  assert(results.some(({ png }) => png !== undefined));
  const fork = await forkOf(sandbox);
  const again = await fork.runCode("frame['x'] += 1; frame.plot(title='again'); frame['x'].tolist()");
  assert.equal(again.error, undefined);
  assert(again.results.some(({ png }) => png !== undefined));
  assert.equal(again.results.find(({ isMainResult }) => isMainResult)?.text, "[2, 3]");
});
