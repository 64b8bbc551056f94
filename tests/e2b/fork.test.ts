/** What a fork has of its source, and what each has alone from then on, by the SDKs. */
import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { eventually } from "../support/settle.ts";
import { kernelTest } from "./kernels.ts";
import { type Connection, restartContext } from "./local_server.ts";

const WHOLE_MEMORY = { only: "pyodide", because: "the native kernel refuses generators and databases" } as const;

const LIVES = { timeoutMs: 120_000 };

/** Forks that all have started. */
async function forksOf(sandbox: Sandbox, count = 1): Promise<Sandbox[]> {
  return (await sandbox.fork({ ...LIVES, count })).map((fork) => {
    assert(fork instanceof Sandbox, String(fork));
    return fork;
  });
}

async function forkOf(sandbox: Sandbox): Promise<Sandbox> {
  const [fork] = await forksOf(sandbox);
  assert(fork);
  return fork;
}

/** The text of a cell that must not fail. */
async function textOf(sandbox: Sandbox, code: string, options = {}): Promise<string | undefined> {
  const { text, error } = await sandbox.runCode(code, options);
  assert.equal(error, undefined, `${error?.name}: ${error?.value}`);
  return text;
}

const MAKE = `
import os, sqlite3, sys
from dataclasses import dataclass
@dataclass
class Point:
    x: int
    def twice(self): return 2 * self.x
def count():
    n = 0
    while True:
        n += 1
        yield n
def add(n): return n + offset
offset = 40
point = Point(21)
counter = count()
next(counter), next(counter)
database = sqlite3.connect(":memory:")
database.execute("create table t (a)")
database.execute("insert into t values ('kept')")
os.makedirs("/home/user/deep", exist_ok=True)
os.chdir("/home/user/deep")
os.environ["SET"] = "by a cell"
sys.path.append("/tmp/lib")
_shared = [1]
aliases = [_shared, _shared]
`;

const SEEN = `
aliases[0].append(2)
(add(2), point, point.twice(), next(counter), database.execute("select a from t").fetchall(), os.getcwd(),
 os.environ["SET"], os.environ["GIVEN"], sys.path[-1], aliases[1], len(In), Out[2], sys.path.count(""))
`;

kernelTest("a fork goes on with all that its source had in memory", async ({ connection }) => {
  const source = await Sandbox.create({ ...connection, envs: { GIVEN: "at create" } });
  await textOf(source, MAKE);
  await textOf(source, "'a result'");
  const emptyPaths = await textOf(source, "sys.path.count('')");
  const [first, second] = await forksOf(source, 2);
  assert(first && second);
  const seen = [];
  for (const sandbox of [source, first, second]) {
    const { text, executionCount } = await sandbox.runCode(SEEN);
    seen.push([text?.replaceAll(/\s+/g, " "), executionCount]);
  }
  const expected = "(42, Point(x=21), 42, 3, [('kept',)], '/home/user/deep', 'by a cell', 'at create', '/tmp/lib', " +
    `[1, 2], 5, 'a result', ${emptyPaths})`;
  assert.deepEqual(seen, [[expected, 4], [expected, 4], [expected, 4]]);
  assert.equal(await textOf(first, "_[0]"), "42");
  // A new name is one's own.
  await textOf(first, "offset = 0");
  assert.deepEqual([await textOf(source, "add(2)"), await textOf(second, "add(2)")], ["42", "42"]);
}, WHOLE_MEMORY);

kernelTest("what forks do with files is theirs alone, and what was there is known to them", async ({ connection }) => {
  const source = await Sandbox.create(connection);
  await source.files.write("client.txt", "of a client");
  await textOf(source, "import os\nopen('/home/user/cell.txt', 'w').write('of a cell')\nos.makedirs('/home/user/d/e')");
  await textOf(
    source,
    "open('/tmp/elsewhere.txt', 'w').write('elsewhere')\nos.symlink('/tmp/elsewhere.txt', '/tmp/link')",
  );
  const before = await source.files.getInfo("cell.txt");
  const [first, second] = await forksOf(source, 2);
  assert(first && second);
  assert.deepEqual((await first.files.getInfo("cell.txt")).modifiedTime, before.modifiedTime);
  const read = "[open(p).read() for p in ('/home/user/client.txt', '/home/user/cell.txt', '/tmp/link')]";
  for (const each of [source, first, second]) {
    assert.equal(await textOf(each, read), "['of a client', 'of a cell', 'elsewhere']");
  }
  // A cell that changes nothing tells of no change.
  assert.deepEqual((await first.files.getInfo("cell.txt")).modifiedTime, before.modifiedTime);
  await textOf(
    first,
    "os.remove('/home/user/cell.txt')\nos.rmdir('/home/user/d/e')\nopen('/home/user/client.txt', 'a').write('!')",
  );
  assert.equal(await first.files.exists("cell.txt"), false);
  assert.equal(await first.files.exists("d/e"), false);
  assert.equal(await first.files.read("client.txt"), "of a client!");
  await second.files.write("client.txt", "of another");
  await second.files.remove("cell.txt");
  assert.equal(
    await textOf(second, "open('/home/user/client.txt').read(), [n for n in os.listdir('/home/user') if n[0] != '.']"),
    "('of another', ['client.txt', 'd'])",
  );
  assert.equal(await source.files.read("client.txt"), "of a client");
  assert.equal(await textOf(source, "open('/home/user/cell.txt').read()"), "of a cell");
});

kernelTest("a fork has the contexts of its source, under their ids", async ({ connection }) => {
  const source = await Sandbox.create(connection);
  const used = await source.createCodeContext({ cwd: "/tmp" });
  const unused = await source.createCodeContext({ cwd: "/tmp" });
  await textOf(source, "name = 'default'");
  await textOf(source, "name = 'used'", { context: used });
  const fork = await forkOf(source);
  const listed = await Promise.all([source, fork].map((sandbox) => sandbox.listCodeContexts()));
  assert.deepEqual(listed[1], listed[0]);
  assert.equal(await textOf(fork, "name"), "default");
  assert.equal(await textOf(fork, "name", { context: used }), "used");
  assert.equal(await textOf(fork, "import os; os.getcwd()", { context: unused }), "/tmp");
  // One that is restarted has lost its state there, and nowhere else.
  await restartContext(connection, fork, used.id);
  assert.equal((await fork.runCode("name", { context: used })).error?.name, "NameError");
  assert.equal(await textOf(source, "name", { context: used }), "used");
});

kernelTest("a fork of a fork has the state also where nothing ran in between", async ({ connection }) => {
  const source = await Sandbox.create(connection);
  await textOf(source, "x = 1\nopen('file', 'w').write('of the first')");
  const second = await forkOf(await forkOf(source));
  await source.kill();
  assert.equal(await textOf(second, "x + 1"), "2");
  await textOf(second, "x = 5");
  const third = await forkOf(second);
  assert.equal(await textOf(third, "x, open('file').read()"), "(5, 'of the first')");
});

kernelTest("a fork breaks off the cell that runs, and both go on from there", async ({ connection }) => {
  const source = await Sandbox.create(connection);
  const begun = Promise.withResolvers<void>();
  const run = source.runCode(
    "n = 0\nx = 'kept'\nimport time\nwhile True:\n  n += 1\n  if n == 3: print('begun', flush=True)\n  time.sleep(0.001)",
    { onStdout: () => begun.resolve(), timeoutMs: 0 },
  );
  const broken = assert.rejects(run);
  await begun.promise;
  const fork = await forkOf(source);
  await broken;
  assert.equal(await textOf(source, "x"), "kept");
  assert.equal(await textOf(fork, "x, n > 0"), "('kept', True)");
  assert.equal(await textOf(fork, "n"), await textOf(source, "n"));
});

kernelTest("a snapshot has the state of its moment, also when its sandbox is gone", async ({ connection }) => {
  const source = await Sandbox.create({ ...connection, envs: { GIVEN: "once" } });
  await textOf(source, "x = [1]\nopen('file', 'w').write('then')");
  const { snapshotId } = await source.createSnapshot({ name: "moment" });
  await textOf(source, "x.append(2)\nopen('file', 'w').write('later')");
  await source.kill();
  const made = await Promise.all([1, 2].map(() => Sandbox.create("moment", { ...connection, envs: { NEW: "more" } })));
  for (const sandbox of made) {
    assert.equal(await textOf(sandbox, "x, open('file').read()"), "([1], 'then')");
    await textOf(sandbox, "x.append('own')");
  }
  // What begins now has the variables of both.
  const [sandbox] = made;
  assert(sandbox);
  const context = await sandbox.createCodeContext();
  assert.equal(
    await textOf(sandbox, "import os; os.environ['GIVEN'], os.environ['NEW']", { context }),
    "('once', 'more')",
  );
  assert.equal(
    await textOf(sandbox, "import os; os.environ['E2B_SANDBOX_ID']", { context }),
    sandbox.sandboxId,
  );
  assert.equal(await Sandbox.deleteSnapshot(snapshotId, connection), true);
});

kernelTest("of many forks at once each is whole or refused, and none is lost", async ({ connection, server }) => {
  const source = await Sandbox.create(connection);
  await textOf(source, "x = 1");
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => forkOf(source)));
  const forks = results.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
  for (const each of results) if (each.status === "rejected") assert.match(String(each.reason), /409.*snapshotting/);
  assert(forks.length >= 1);
  assert.equal(server.sandboxes().length, 1 + forks.length);
  assert.deepEqual(new Set(server.sandboxes().map(({ state }) => state)), new Set(["running"]));
  assert.equal(await textOf(forks[0] ?? source, "x"), "1");
  assert.equal(await textOf(source, "x"), "1");
});

kernelTest(
  "a sandbox that is killed or times out while it is forked leaves nothing",
  async ({ connection, server }) => {
    for (const end of ["kill", "timeout"] as const) {
      const source = await Sandbox.create(connection);
      await textOf(source, "x = 1");
      const forked = source.fork(LIVES).then((forks) => forks.length, () => 0);
      if (end === "kill") await source.kill();
      else await source.setTimeout(0);
      await eventually(
        "it has ended",
        () => server.sandboxes().some(({ sandboxId, ended }) => sandboxId === source.sandboxId && ended?.by === end),
      );
      // Whichever was first.
      const ofSource = server.sandboxes().filter(({ forkedFrom }) => forkedFrom === source.sandboxId);
      assert.equal(ofSource.length, await forked);
    }
  },
);

kernelTest(
  "a pause and a fork at once do each other no harm, and what is paused is not forked",
  async ({ connection }) => {
    const source = await Sandbox.create(connection);
    await textOf(source, "x = 1");
    const [forked, paused] = await Promise.allSettled([forkOf(source), source.pause()]);
    assert.deepEqual(paused, { status: "fulfilled", value: true });
    // Whichever was first.
    if (forked.status === "fulfilled") assert.equal(await textOf(forked.value, "x"), "1");
    else assert.match(String(forked.reason), /409.*(pausing|paused)/);
    await assert.rejects(forkOf(source), /409.*paused.*resume it first/);
    await Sandbox.connect(source.sandboxId, connection);
    assert.equal(await textOf(source, "x"), "1");
    assert.equal(await textOf(await forkOf(source), "x"), "1");
  },
);

kernelTest("a cell that does not end keeps its sandbox from being forked", async ({ connection, server }) => {
  const source = await Sandbox.create(connection);
  const begun = Promise.withResolvers<void>();
  const run = source.runCode(
    "import time\nprint('begun', flush=True)\nends = False\nwhile not ends:\n  try:\n    time.sleep(0.01)\n  except KeyboardInterrupt:\n    print('again', flush=True)",
    { onStdout: () => begun.resolve(), timeoutMs: 0 },
  );
  const broken = assert.rejects(run);
  await begun.promise;
  await assert.rejects(forkOf(source), /ServiceBusyError.*does not end although it was interrupted/);
  await broken;
  assert.equal(server.sandboxes().length, 1);
  assert.equal(await source.isRunning(), true);
  await restartContext(connection, source, await defaultContext(connection, source));
  assert.equal(await textOf(source, "1 + 1"), "2");
});

async function defaultContext(connection: Connection, { sandboxId }: Sandbox): Promise<string> {
  const response = await fetch(`${connection.sandboxUrl}/contexts`, {
    headers: { "E2b-Sandbox-Id": sandboxId, "E2b-Sandbox-Port": "49999" },
  });
  const contexts: { id: string; language: string }[] = await response.json();
  return contexts.find(({ language }) => language === "python")?.id ?? "";
}

kernelTest("the clock of a fork does not go back", async ({ connection }) => {
  const source = await Sandbox.create(connection);
  await textOf(
    source,
    "import time\nbefore = time.monotonic(), time.perf_counter()\ntime.sleep(1)\nlater = time.monotonic()",
  );
  const fork = await forkOf(source);
  assert.equal(await textOf(fork, "time.monotonic() >= later, time.perf_counter() > before[1]"), "(True, True)");
});

kernelTest("a kernel that is restarted before it has run in its fork begins anew", async ({ connection }) => {
  const source = await Sandbox.create(connection);
  await textOf(source, "x = 1");
  const fork = await forkOf(source);
  const [{ id }] = (await fork.listCodeContexts()).filter(({ language }) => language === "python");
  await restartContext(connection, fork, id);
  const second = await forkOf(fork);
  for (const each of [fork, second, await forkOf(second)]) {
    assert.equal((await each.runCode("x")).error?.name, "NameError");
  }
  assert.equal(await textOf(source, "x"), "1");
});
