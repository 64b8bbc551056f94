/** What some tests need besides Deno, and how it is installed where it is missing. */
import { findNativeKernels } from "../../local/e2b/native/find.ts";
import { missingCli } from "./supabase_cli.ts";

/** Of Debian's Postgres 15, whose extensions npm's Postgres does not have. */
export const POSTGRES_15 = "/usr/lib/postgresql/15";
export const EXTENSIONS = "/usr/share/postgresql/15/extension";
export const CHROMIUM = "/usr/bin/chromium";

/** Each says what brings it, or null where it is there. */
const NEEDS = {
  chromium: debian(CHROMIUM, "chromium"),
  pg_cron: debian(`${EXTENSIONS}/pg_cron.control`, "postgresql-15 postgresql-15-cron"),
  plpgsql_check: debian(`${EXTENSIONS}/plpgsql_check.control`, "postgresql-15 postgresql-15-plpgsql-check"),
  pgtap: debian(`${EXTENSIONS}/pgtap.control`, "postgresql-15 postgresql-15-pgtap"),
  pg_prove: debian("/usr/bin/pg_prove", "libtap-parser-sourcehandler-pgtap-perl"),
  Spin: debian("/usr/bin/spin", "spin"),
  "a C compiler": debian("/usr/bin/gcc", "gcc libc6-dev"),
  curl: command("curl", "apt-get install --no-install-recommends curl"),
  Bun: command("bun", "npm install --global bun"),
  "Node.js": command("node", "npx, which the README's commands begin with, is a part of it"),
  "Linux's /proc": file("/proc/self/status", "a Linux machine"),
  "the Supabase CLI": missingCli,
  "the native kernel": async () => {
    const found = await findNativeKernels();
    return found.outcome === "found" ? null : found.install ?? found.reason;
  },
} satisfies Record<string, () => Promise<string | null>>;
export type Need = keyof typeof NEEDS;

/** A test that is skipped where this machine lacks what it needs; its name says then what that is. */
export type NeedyTest = (
  name: string,
  fn: (t: Deno.TestContext) => void | Promise<void>,
  sanitizers?: Pick<Deno.TestDefinition, "sanitizeOps" | "sanitizeResources">,
) => void;

/** Whether all needs are met, and how to define the tests that have them. */
export async function needing(...needs: Need[]): Promise<{ readonly met: boolean; readonly test: NeedyTest }> {
  const lacks: string[] = [];
  for (const need of needs) {
    const remedy = await NEEDS[need]();
    if (remedy !== null) lacks.push(`${need} is missing: ${remedy}`);
  }
  const met = lacks.length === 0;
  const skipped = met ? "" : ` (skipped: ${lacks.join("; ")})`;
  return {
    met,
    test: (name, fn, sanitizers) => Deno.test({ ...sanitizers, name: name + skipped, ignore: !met, fn }),
  };
}

function debian(path: string, packages: string): () => Promise<string | null> {
  return file(path, `apt-get install --no-install-recommends ${packages}`);
}

function command(name: string, remedy: string): () => Promise<string | null> {
  return unlessFound(
    () => new Deno.Command(name, { args: ["--version"], stdout: "null", stderr: "null" }).output(),
    remedy,
  );
}

function file(path: string, remedy: string): () => Promise<string | null> {
  return unlessFound(() => Deno.stat(path), remedy);
}

function unlessFound(look: () => Promise<unknown>, remedy: string): () => Promise<string | null> {
  return async () => {
    try {
      await look();
      return null;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return remedy;
      throw error;
    }
  };
}
