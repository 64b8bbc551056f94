/** The walls between the rooms of the functions' code stand where the table in docs/architecture.md says. */
import assert from "node:assert/strict";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { FUNCTIONS } from "../local/repository.ts";

const SHARED = `${FUNCTIONS}_shared/`;
const BESIDE = "beside the rooms";

const Import = z.object({ specifier: z.string() });
const Graph = z.object({
  modules: z.array(z.object({
    specifier: z.string(),
    dependencies: z.array(z.object({ code: Import.optional(), type: Import.optional() })).default([]),
  })),
});

/** What each module of the functions imports, types included, as Deno reads it; paths from `_shared/` on. */
async function readImports(): Promise<Map<string, string[]>> {
  const imports = new Map<string, string[]>();
  for await (const { name, isDirectory } of Deno.readDir(FUNCTIONS)) {
    if (!isDirectory || name.startsWith("_")) continue;
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", `${FUNCTIONS}${name}/index.ts`],
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder();
    assert.equal(code, 0, text.decode(stderr));
    for (const { specifier, dependencies } of Graph.parse(JSON.parse(text.decode(stdout))).modules) {
      if (!specifier.startsWith("file:")) continue;
      const imported = dependencies.flatMap(({ code, type }) => (code ?? type)?.specifier ?? []);
      imports.set(fromShared(specifier), imported.filter((url) => url.startsWith("file:")).map(fromShared));
    }
  }
  return imports;
}

function fromShared(url: string): string {
  return relative(SHARED, fileURLToPath(url));
}

function roomOf(module: string): string {
  return module.includes("/") ? module.slice(0, module.indexOf("/") + 1) : BESIDE;
}

/** The rows of that table: each room, and the rooms that it may import. */
async function readTable(): Promise<Map<string, string[]>> {
  const page = await Deno.readTextFile(new URL("../docs/architecture.md", import.meta.url));
  const [, table = ""] = /\n\| room .*\n\| -.*\n((?:\|.*\n)+)/.exec(page) ?? [];
  return new Map(
    table.trimEnd().split("\n").map((row) => {
      const [, room = "", , mayImport = ""] = row.split("|").map((cell) => cell.trim().replaceAll("`", ""));
      return [room, mayImport === "–" ? [] : mayImport.split(", ")];
    }),
  );
}

/** All but the contract, which callers may import too, use what is beside the rooms. */
function mayImport(room: string): string[] {
  return [...table.get(room) ?? [], ...room === "contract/" || room === BESIDE ? [] : [BESIDE]];
}

const imports = await readImports();
const table = await readTable();

Deno.test("the table has every room", async () => {
  const rooms = [BESIDE];
  for await (const { name, isDirectory } of Deno.readDir(SHARED)) if (isDirectory) rooms.push(`${name}/`);
  assert.deepEqual([...table.keys()].sort(), rooms.sort());
});

Deno.test("each room imports what it may", () => {
  for (const [module, imported] of imports) {
    const room = roomOf(module);
    // The functions themselves, which put it all together.
    if (room === "../") continue;
    const allowed = [room, ...mayImport(room)];
    for (const other of imported) assert(allowed.includes(roomOf(other)), `${module} must not import ${other}`);
  }
});

Deno.test("no two rooms import each other, be it by way of others", () => {
  const leadTo = (room: string, target: string, seen: Set<string>): boolean =>
    mayImport(room).some((other) => other === target || (!seen.has(other) && leadTo(other, target, seen.add(other))));
  for (const room of table.keys()) assert(!leadTo(room, room, new Set()), `${room} leads back to itself`);
});

Deno.test("a function needs each module", async () => {
  const rooms = [...table.keys()].filter((room) => room !== BESIDE);
  for (const room of ["", ...rooms]) {
    for await (const { name, isFile } of Deno.readDir(SHARED + room)) {
      if (isFile) assert(imports.has(room + name), `no function imports ${room}${name}`);
    }
  }
});
