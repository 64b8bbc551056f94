/** Debian's Postgres 15 with the real pg_cron, for a file's tests. */
import { startPostgres } from "../../local/postgres/postgres.ts";
import { POSTGRES_15 } from "../support/needs.ts";
import { shared } from "../support/shared.ts";

/** Starts nothing where `met` is false: the file's tests are skipped there. */
export function usePostgres15(met: boolean): { readonly url: string } {
  const made = shared(async (parts) => {
    if (!met) return { url: "" };
    return parts.adopt(
      await startPostgres({
        installation: POSTGRES_15,
        settings: {
          shared_preload_libraries: "pg_cron",
          "cron.database_name": "postgres",
          // pg_cron's own connections would need a password; its background workers need none.
          "cron.use_background_workers": "on",
        },
      }),
      ({ stop }) => stop(),
    );
  });
  return {
    get url() {
      return made().url;
    },
  };
}
