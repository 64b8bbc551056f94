/** The committed types are those of the migrations. */
import assert from "node:assert/strict";
import { migrate } from "../../local/migrate.ts";
import { startPostgres } from "../../local/postgres.ts";
import { generateTypes, missingCli, TYPES } from "../support/supabase_cli.ts";

const missing = await missingCli();

Deno.test({
  name: `database.types.ts is what supabase gen types says${missing ? ` (skipped: ${missing})` : ""}`,
  ignore: missing !== null,
  fn: async () => {
    const server = await startPostgres();
    try {
      await migrate(server.url);
      assert.equal(await Deno.readTextFile(TYPES), await generateTypes(server.url), "run `deno task types`");
    } finally {
      await server.stop();
    }
  },
});
