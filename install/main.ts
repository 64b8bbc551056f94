/** Puts execution contexts into somebody's Supabase project, keeps them up to date there, and takes them out again. */
import { resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { z } from "zod";
import { type App, lockOf, openApp } from "./app.ts";
import { apply, type Change, describe } from "./change.ts";
import { compare } from "./compare.ts";
import { drain } from "./drain.ts";
import { install } from "./install.ts";
import { isOurs, VIEW } from "./migration.ts";
import { Refusal } from "./refusal.ts";
import { OPTIONAL, readRelease } from "./release.ts";
import { uninstall } from "./uninstall.ts";
import { upgrade } from "./upgrade.ts";
import { VERSION } from "../supabase/functions/_shared/version.ts";

const USAGE = `Execution contexts ${VERSION}, in a Supabase project of your own.

  init | install     put them there
  upgrade            bring them up to this version; your edits are merged
  diff               show your edits, as a patch
  uninstall          take them out again

  --into DIR         the project's folder, the one that has supabase/config.toml (default: this one)
  --dry-run          show what would be done, and do nothing
  --view NAME        what the view of contexts is called in public (default: ${VIEW})
  --without mcp      install: without the function for agents, where your app has one of that name
  --url URL          uninstall: end the contexts of that deployment first, with SUPABASE_SECRET_KEY of the environment
  --discard-edits    uninstall: remove files that you have edited, too
  --help             this text
`;

const commandSchema = z.enum(["install", "upgrade", "diff", "uninstall"]);
const flagsSchema = z.strictObject({
  into: z.string().default("."),
  "dry-run": z.boolean().default(false),
  view: z.string().regex(/^[a-z_][a-z0-9_]{0,49}$/, "must be lower-case letters, digits and _, at most 50").default(
    VIEW,
  ),
  without: z.enum(OPTIONAL).optional(),
  url: z.url({ protocol: /^https?$/ }).optional(),
  "discard-edits": z.boolean().default(false),
});
type Flags = z.infer<typeof flagsSchema>;

const say = (line: string) => console.log(line);

/** @returns the exit code: 1 where nothing was done or something is left to do, 2 where the question was wrong */
async function main(args: string[]): Promise<number> {
  try {
    const { values: { help, ...values }, positionals: [name, ...rest] } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        help: { type: "boolean" },
        into: { type: "string" },
        "dry-run": { type: "boolean" },
        view: { type: "string" },
        without: { type: "string" },
        url: { type: "string" },
        "discard-edits": { type: "boolean" },
      },
    });
    if (help || name === undefined) {
      say(USAGE);
      return help ? 0 : 2;
    }
    const command = commandSchema.safeParse(name === "init" ? "install" : name);
    const flags = flagsSchema.safeParse(values);
    if (!command.success || rest.length > 0) return misused(`There is no command "${[name, ...rest].join(" ")}".`);
    if (!flags.success) return misused(`--${flags.error.issues[0].path.join()}: ${flags.error.issues[0].message}`);
    return await run(command.data, flags.data);
  } catch (error) {
    if (error instanceof Refusal) {
      console.error(`No file was changed.\n${error.reasons.map((reason) => `  ${reason}`).join("\n")}`);
      return 1;
    }
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (error instanceof Error && code.startsWith("ERR_PARSE_ARGS")) return misused(error.message);
    // Node's own: a folder where a file should be, a file that may not be written.
    if (error instanceof Error && /^E[A-Z]+$/.test(code)) {
      console.error(`No file was changed.\n  ${error.message}`);
      return 1;
    }
    throw error;
  }
}

function misused(message: string): number {
  console.error(`${message}\n\n${USAGE}`);
  return 2;
}

async function run(command: z.infer<typeof commandSchema>, flags: Flags): Promise<number> {
  // Where its user stands: npm and deno task begin elsewhere.
  const app = await openApp(resolve(process.env.INIT_CWD ?? ".", flags.into));
  switch (command) {
    case "install": {
      const release = await readRelease(flags.without === undefined ? [] : [flags.without]);
      await perform(app, await install(app, release, flags.view), flags);
      const names = release.functions.join(" ");
      next(flags, [
        "npx supabase db push",
        "npx supabase secrets set --env-file supabase/functions/.env   # made of .env.example, with your E2B_API_KEY",
        `npx supabase functions deploy ${names} --use-api`,
      ]);
      return 0;
    }
    case "upgrade": {
      const release = await readRelease(lockOf(app).without);
      const { changes, conflicts } = await upgrade(app, release);
      if (changes.length === 0) {
        say(`${lockOf(app).version} is installed, and this is ${VERSION}: there is nothing to do.`);
        return 0;
      }
      await perform(app, changes, flags);
      if (flags["dry-run"]) return 0;
      for (const path of conflicts) {
        console.error(`${path}: resolve the conflict, between the marks "<<<<<<<" and ">>>>>>>".`);
      }
      next(flags, ["npx supabase db push", `npx supabase functions deploy ${release.functions.join(" ")} --use-api`]);
      return conflicts.length === 0 ? 0 : 1;
    }
    case "diff": {
      const patch = await compare(app);
      say(patch === "" ? `${lockOf(app).version} is installed, without edits.` : patch.trimEnd());
      return 0;
    }
    case "uninstall":
      return await takeOut(app, flags);
  }
}

async function takeOut(app: App, flags: Flags): Promise<number> {
  // Files may be gone already, and the migration that drops the rest refused because sandboxes were alive.
  const isTakenOut = app.lock === null && flags.url !== undefined && app.migrations.some(isOurs);
  const lock = isTakenOut ? null : lockOf(app);
  const changes = lock ? await uninstall(app, flags["discard-edits"]) : [];
  if (flags.url !== undefined && !flags["dry-run"]) {
    const secretKey = process.env.SUPABASE_SECRET_KEY;
    if (!secretKey) return misused("--url: set SUPABASE_SECRET_KEY to a secret key of that project.");
    await drain({ url: flags.url, secretKey, overview: `${lock?.view ?? flags.view}_overview` }, say);
  }
  if (changes.length > 0) await perform(app, changes, flags);
  if (flags.url === undefined) {
    say("\nWithout --url no context was ended. The migration refuses while a sandbox may be alive.");
  }
  const names = lock?.functions ?? [];
  next(flags, ["npx supabase db push", ...names.map((name) => `npx supabase functions delete ${name}`)]);
  return 0;
}

async function perform(app: App, changes: readonly Change[], flags: Flags): Promise<void> {
  say(`In ${app.directory}:\n${describe(changes).join("\n")}`);
  if (flags["dry-run"]) say("\nNothing was done: --dry-run.");
  else await apply(app, changes);
}

function next(flags: Flags, commands: readonly string[]): void {
  if (flags["dry-run"]) return;
  say(`\nDone. Next, there:\n${commands.map((command) => `  ${command}`).join("\n")}`);
}

process.exitCode = await main(process.argv.slice(2));
