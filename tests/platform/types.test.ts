/** The committed types are those of the migrations. */
import assert from "node:assert/strict";
import { startDatabase } from "../support/database.ts";
import { needing } from "../support/needs.ts";
import { generateTypes, TYPES } from "../support/supabase_cli.ts";

const { test } = await needing("the Supabase CLI");

test("database/types.ts is what supabase gen types says", async () => {
  await using database = await startDatabase();
  assert.equal(await Deno.readTextFile(TYPES), await generateTypes(database.url), "run `deno task types`");
});
