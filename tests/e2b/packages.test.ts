import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { fetchPackages, PackageNotFetched } from "../../local/e2b/pyodide/package_cache.ts";
import { type Package, readPackageLock, UnknownPackage, withNeeds } from "../../local/e2b/pyodide/package_lock.ts";
import { startE2B } from "../../local/e2b/server.ts";

const decoder = new TextDecoder();

/** A ZIP file without compression, which is what a wheel is. */
function zip(files: Record<string, string | Uint8Array>): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const [name, data] of Object.entries(files)) {
    const path = new TextEncoder().encode(name);
    const content = typeof data === "string" ? new TextEncoder().encode(data) : data;
    const common = [20, 0, 0, 0, crc32(content), content.length, content.length];
    const local = header("504b0304", [...common, path.length, 0], [2, 2, 2, 4, 4, 4, 4, 2, 2]);
    const central = header("504b0102", [20, ...common, path.length, 0, 0, 0, 0, 0, at], [
      ...[2, 2, 2, 2, 4, 4, 4, 4],
      ...[2, 2, 2, 2, 2, 4, 4],
    ]);
    pieces.push(local, path, content);
    directory.push(central, path);
    at += local.length + path.length + content.length;
  }
  const size = directory.reduce((sum, piece) => sum + piece.length, 0);
  const count = Object.keys(files).length;
  const end = header("504b0506", [0, 0, count, count, size, at, 0], [2, 2, 2, 2, 4, 4, 2]);
  return new Uint8Array([...pieces, ...directory, end].flatMap((piece) => [...piece]));
}

function header(signature: string, values: readonly number[], sizes: readonly number[]): Uint8Array {
  const bytes = values.flatMap((value, index) =>
    Array.from({ length: sizes[index] ?? 0 }, (_, place) => (value >>> (8 * place)) & 255)
  );
  return new Uint8Array([...Uint8Array.fromHex(signature), ...bytes]);
}

function crc32(bytes: Uint8Array): number {
  let sum = -1;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}

async function described(name: string, depends: string[], wheel: Uint8Array<ArrayBuffer>): Promise<Package> {
  const digest = await crypto.subtle.digest("SHA-256", wheel);
  return {
    name,
    version: "1.0",
    file_name: `${name.replaceAll("-", "_")}-1.0-py3-none-any.whl`,
    sha256: new Uint8Array(digest).toHex(),
    depends,
    imports: [name.replaceAll("-", "_")],
  };
}

/** A module in WebAssembly, `native`, that does nothing but raise MemoryError when it is imported. */
const NATIVE = Uint8Array.fromHex([
  ...["0061736d01000000", "000f0864796c696e6b2e30010400000000", "0105016000017f"],
  ...["02160103656e760e50794572725f4e6f4d656d6f72790000", "03020100"],
  ...["0711010d5079496e69745f6e61746976650001", "0a06010400", "10000b"],
].join(""));

/** A publisher of small wheels, of which one needs another, and a lock file that names them. */
class Publisher implements AsyncDisposable {
  readonly folder: string;
  readonly lock: string;
  readonly url: string;
  readonly wheels = new Map<string, Uint8Array<ArrayBuffer>>();
  requests = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  private constructor(folder: string, packages: readonly Package[]) {
    this.folder = folder;
    this.lock = `${folder}/lock.json`;
    const byName = Object.fromEntries(packages.map((each) => [each.name, each]));
    Deno.writeTextFileSync(this.lock, JSON.stringify({ packages: byName }));
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
      this.requests++;
      const wheel = this.wheels.get(new URL(request.url).pathname.slice("/full/".length));
      return wheel === undefined ? new Response(null, { status: 404 }) : new Response(wheel);
    });
    this.url = `http://127.0.0.1:${this.#server.addr.port}/full/`;
  }

  static async open(): Promise<Publisher> {
    const roof = zip({ "roof/__init__.py": "from walls import height\nvalue = height + 1\n" });
    const walls = zip({
      "walls/__init__.py": "height = 2\n",
      "walls-1.0.dist-info/METADATA": "Name: walls\nVersion: 1.0\n",
    });
    const native = zip({ "native.cpython-314-wasm32-emscripten.so": NATIVE });
    const wheels: [name: string, needs: string[], wheel: Uint8Array<ArrayBuffer>][] = [
      ["roof", ["walls"], roof],
      ["walls", [], walls],
      ["native", [], native],
    ];
    const packages = await Promise.all(wheels.map((wheel) => described(...wheel)));
    const publisher = new Publisher(await Deno.makeTempDir(), packages);
    packages.forEach(({ file_name }, index) => publisher.wheels.set(file_name, wheels[index]?.[2] ?? native));
    return publisher;
  }

  get into(): string {
    return `${this.folder}/packages`;
  }

  /** What `deno task packages` does. */
  async fetch(...names: string[]): Promise<{ code: number; said: string }> {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", new URL("../../local/packages.ts", import.meta.url).href],
        ...[...names, "--from", this.url, "--lock", this.lock, "--into", this.into],
      ],
      env: { NO_COLOR: "1" },
    }).output();
    return { code, said: decoder.decode(stdout) + decoder.decode(stderr) };
  }

  async run(...cells: string[]) {
    const server = await startE2B({ packages: { directory: this.into, lock: this.lock } });
    try {
      const sandbox = await Sandbox.create({ apiKey: server.apiKey, apiUrl: server.url, sandboxUrl: server.url });
      const executions = [];
      for (const cell of cells) executions.push(await sandbox.runCode(cell, { timeoutMs: 0 }));
      return executions;
    } finally {
      await server.stop();
    }
  }

  async names(): Promise<string[]> {
    return (await Array.fromAsync(Deno.readDir(this.into))).map(({ name }) => name).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await Deno.remove(this.folder, { recursive: true });
  }
}

Deno.test("a cell imports a package that was fetched, and what that needs", async () => {
  await using publisher = await Publisher.open();
  const fetched = await publisher.fetch("roof");
  assert.equal(fetched.code, 0, fetched.said);
  assert.match(fetched.said, /2 of 2 packages fetched/);
  assert.deepEqual(await publisher.names(), ["roof-1.0-py3-none-any.whl", "walls-1.0-py3-none-any.whl"]);
  const [value, listed, there] = await publisher.run(
    "import roof\nroof.value",
    "%pip list",
    "%pip install walls",
  );
  assert.deepEqual([value?.text, value?.error], ["3", undefined]);
  assert.match(listed?.logs.stdout.join("") ?? "", /^walls 1\.0$/m);
  assert.equal(there?.logs.stdout.join(""), "Requirement already satisfied: walls\n");

  const { requests } = publisher;
  assert.match((await publisher.fetch("roof")).said, /0 of 2 packages fetched/);
  assert.equal(publisher.requests, requests);
});

Deno.test("a package of compiled code is linked with Python when it is imported", async () => {
  await using publisher = await Publisher.open();
  await publisher.fetch("native");
  const [imported] = await publisher.run("import native");
  assert.equal(imported?.error?.name, "MemoryError", imported?.error?.traceback);
});

Deno.test("a fork has what its source has imported, and finds what was fetched since", async () => {
  await using publisher = await Publisher.open();
  await publisher.fetch("walls");
  const server = await startE2B({ packages: { directory: publisher.into, lock: publisher.lock } });
  try {
    const connection = { apiKey: server.apiKey, apiUrl: server.url, sandboxUrl: server.url };
    const source = await Sandbox.create(connection);
    await source.runCode("import walls");
    // It comes before the other in the list of what is there.
    await publisher.fetch("roof", "native");
    const [fork] = await source.fork({ timeoutMs: 120_000 });
    assert(fork instanceof Sandbox);
    const { text, error } = await fork.runCode("import roof, sys\n(walls.height, roof.value, len(sys.meta_path))");
    assert.equal(error, undefined, error?.traceback);
    const finders = (await source.runCode("import sys\nlen(sys.meta_path)")).text;
    assert.equal(text, `(2, 3, ${finders})`);
    assert.equal((await fork.runCode("import native")).error?.name, "MemoryError");
    await assert.rejects(fork.fork(), /501.*an imported package with compiled parts \(native\)/);
    assert.equal((await fork.runCode("roof.value")).text, "3");
  } finally {
    await server.stop();
  }
});

Deno.test("without a package, a cell is told how to fetch it", async () => {
  await using publisher = await Publisher.open();
  const [missing, unknown, tried, pip] = await publisher.run(
    "import roof",
    "import nowhere",
    "try:\n    import roof\nexcept ImportError:\n    print('without')",
    "!pip install roof",
  );
  assert.deepEqual([missing?.error?.name, missing?.error?.value], ["ModuleNotFoundError", "No module named 'roof'"]);
  assert.match(
    missing?.logs.stderr.join("") ?? "",
    /^roof is not in this sandbox: `deno task packages roof` fetches it/,
  );
  assert.deepEqual([unknown?.error?.value, unknown?.logs.stderr], ["No module named 'nowhere'", []]);
  assert.deepEqual([tried?.error, tried?.logs.stdout], [undefined, ["without\n"]]);
  assert.match(pip?.error?.value ?? "", /`deno task packages roof`/);
});

Deno.test("a package that is damaged on its way is refused, and nothing of it is kept", async () => {
  await using publisher = await Publisher.open();
  publisher.wheels.set("walls-1.0-py3-none-any.whl", zip({ "walls/__init__.py": "height = 'another'\n" }));
  const { code, said } = await publisher.fetch("roof");
  assert.equal(code, 1);
  assert.match(said, /walls from .* is not what the lock file says: SHA-256 [0-9a-f]{64}, not [0-9a-f]{64}/);
  assert.deepEqual(await publisher.names(), ["roof-1.0-py3-none-any.whl"]);
  publisher.wheels.delete("walls-1.0-py3-none-any.whl");
  assert.match((await publisher.fetch("roof")).said, /walls could not be fetched from .*: HTTP 404/);
});

Deno.test("a package that is damaged where it is kept is refused, and fetched anew", async () => {
  await using publisher = await Publisher.open();
  await publisher.fetch("roof");
  const path = `${publisher.into}/walls-1.0-py3-none-any.whl`;
  const whole = await Deno.readFile(path);
  await Deno.writeFile(path, whole.with(40, 0));
  const [damaged] = await publisher.run("import roof");
  assert.equal(damaged?.error?.name, "ImportError");
  assert.equal(damaged?.error?.value, "the package walls is damaged: `deno task packages` fetches it again");
  assert.match((await publisher.fetch("roof")).said, /1 of 2 packages fetched/);
  assert.deepEqual(await Deno.readFile(path), whole);
});

Deno.test("several that fetch the same at once all have it, and leave nothing else behind", async () => {
  await using publisher = await Publisher.open();
  const packages = withNeeds(await readPackageLock(publisher.lock), ["roof"]);
  const from = publisher.url;
  const fetching = Array.from(
    { length: 5 },
    () => fetchPackages(packages, { from, into: publisher.into, onFetched() {} }),
  );
  await Promise.all(fetching);
  assert.deepEqual(await publisher.names(), packages.map(({ file_name }) => file_name).sort());
});

Deno.test("arguments that make no sense are refused by name", async () => {
  await using publisher = await Publisher.open();
  const { code, said } = await publisher.fetch("--nope");
  assert.equal(code, 2);
  assert.match(said, /'--nope'/);
  const unknown = await publisher.fetch("no-such-package");
  assert.deepEqual([unknown.code, unknown.said.trim()], [1, "Pyodide has no package no-such-package"]);
});

Deno.test("a publisher that cannot be reached is named", async () => {
  await using publisher = await Publisher.open();
  const packages = withNeeds(await readPackageLock(publisher.lock), ["walls"]);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const from = `http://127.0.0.1:${listener.addr.port}/`;
  listener.close();
  await assert.rejects(fetchPackages(packages, { from, into: publisher.into, onFetched() {} }), (error) => {
    assert(error instanceof PackageNotFetched);
    assert.match(error.message, /^walls could not be fetched from http:/);
    return true;
  });
});

Deno.test("Pyodide's own lock file names what copilots import, and a name that it has not is refused", async () => {
  const { PYODIDE_LOCK, COMMON_PACKAGES } = await import("../../local/e2b/pyodide/package_cache.ts");
  const lock = await readPackageLock(PYODIDE_LOCK);
  const names = withNeeds(lock, COMMON_PACKAGES).map(({ name }) => name.toLowerCase());
  for (const name of ["numpy", "pandas", "matplotlib", "pillow", "python-dateutil"]) assert(names.includes(name), name);
  assert.equal(new Set(names).size, names.length);
  assert.throws(() => withNeeds(lock, ["no-such-package"]), UnknownPackage);
});
