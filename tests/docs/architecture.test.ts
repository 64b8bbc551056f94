/** docs/architecture.md names what is there: each transition in its migration, and its callers. */
import assert from "node:assert/strict";
import { REPOSITORY } from "../../local/repository.ts";
import { ROOT } from "./pages.ts";

const SHARED = `${REPOSITORY}supabase/functions/_shared/`;
const namesIn = (cell: string) => [...cell.matchAll(/`([\w/.]+)`/g)].map(([, name]) => name);

/** What stands in a module, and in those of the stores, by which it calls the database. */
const STORES = ["contexts/context_store.ts", "executions/execution_store.ts", "executions/key_store.ts"];

/** The stores' methods by the SQL function that each calls. */
async function methods(): Promise<Map<string, string>> {
  const texts = await Promise.all(STORES.map((store) => Deno.readTextFile(SHARED + store)));
  const calls = texts.join("\n").matchAll(/^ {2}async (\w+)\((?:(?!^ {2}async )[^])*?"copilot_(\w+)"/gm);
  return new Map([...calls].map(([, method, name]) => [name, method]));
}

Deno.test("each transition is in its migration, and its callers call it", async () => {
  const page = await Deno.readTextFile(new URL("docs/architecture.md", ROOT));
  const [, table = ""] = /\n\| step .*\n\| -.*\n((?:\|.*\n)+)/.exec(page) ?? [];
  const rows = table.trimEnd().split("\n").map((row) => row.split("|").map((cell) => cell.trim()));
  assert(rows.length > 8);
  const stores = await methods();
  let migration = "";
  for (const [, step, functions, where, callers] of rows) {
    const [named] = namesIn(where);
    if (named) migration = await Deno.readTextFile(`${REPOSITORY}supabase/migrations/${named}`);
    const texts = await Promise.all(namesIn(callers).map((path) => Deno.readTextFile(SHARED + path)));
    const called = new Set<number>();
    for (const name of namesIn(functions)) {
      assert(migration.includes(`function public.copilot_${name}(`), `${step}: ${name} is not there`);
      const calls = texts.flatMap((text, index) => text.includes(`.${stores.get(name)}(`) ? [index] : []);
      assert(calls.length > 0, `${step}: none of ${callers} calls ${name}`);
      for (const index of calls) called.add(index);
    }
    assert.equal(called.size, texts.length, `${step}: one of ${callers} calls none of ${functions}`);
  }
});
