/** `deno task types`: writes the database's types, as the Supabase CLI generates them from the migrations. */
import { migrate } from "../../local/migrate.ts";
import { startPostgres } from "../../local/postgres/postgres.ts";
import { generateTypes, TYPES } from "../support/supabase_cli.ts";

const server = await startPostgres();
try {
  await migrate(server.url);
  await Deno.writeTextFile(TYPES, await generateTypes(server.url));
} finally {
  await server.stop();
}
