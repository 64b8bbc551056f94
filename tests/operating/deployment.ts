/** The same project as it is deployed again and again: its functions with other settings, on the database that stays. */
import { type Stack, type StackOptions, startStack } from "../../local/stack.ts";
import type { E2BServer } from "../../local/e2b/server.ts";
import type { Database } from "../support/database.ts";

/** Deploys on a database, with an E2B team's key. Stop it before the next, as a project has one set of functions. */
export async function deploy(
  { url, authenticatorPassword }: Pick<Database, "url" | "authenticatorPassword">,
  team: Pick<E2BServer, "url" | "apiKey">,
  options: StackOptions = {},
): Promise<Stack> {
  return await startStack({
    databaseUrl: url,
    authenticatorPassword,
    e2bUrl: team.url,
    e2bApiKey: team.apiKey,
    sandboxUrl: team.url,
    ...options,
    env: { SANDBOX_LANGUAGES: "python,javascript,typescript", ...options.env },
  });
}
