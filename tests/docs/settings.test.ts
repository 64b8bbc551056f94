/** docs/settings.md has each setting of the functions, with its default. */
import assert from "node:assert/strict";
import { ROOT } from "./pages.ts";

Deno.test("the table has what .env.example has", async () => {
  const example = await Deno.readTextFile(new URL("supabase/functions/.env.example", ROOT));
  const page = await Deno.readTextFile(new URL("docs/settings.md", ROOT));
  const defaults = new Map([...example.matchAll(/^#? ?([A-Z0-9_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
  const told = new Map([...page.matchAll(/^\| (`.*?) +\| (.*?) +\|/gm)].flatMap(([, names, values]) => {
    const all = values.replaceAll("`", "").split(", ");
    return [...names.matchAll(/`(\w+)`/g)].map(([, name], index) => [name, all[index] ?? all[0]] as const);
  }));
  assert.deepEqual([...told.keys()].sort(), [...defaults.keys()].sort());
  for (const [name, value] of defaults) {
    // Of a list, and of what E2B decides, it says so in words.
    if (/^[\w.-]+$/.test(value)) assert.equal(told.get(name), value, name);
  }
});
