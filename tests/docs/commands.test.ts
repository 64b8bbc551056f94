/** Commands that the pages show are there, with their flags; and each that is to be run is run by a test, or in CI. */
import assert from "node:assert/strict";
import { z } from "zod";
import { REPOSITORY } from "../../local/repository.ts";
import { needing } from "../support/needs.ts";
import { supabase } from "../support/supabase_cli.ts";
import { type Command, commandsOf, flagsOf } from "./commands.ts";
import { parse, readPages, ROOT } from "./pages.ts";

/** Who runs a command that the pages' shell code has, by how it begins, and what says there that it does. */
const RUN_BY: Readonly<Record<string, readonly [file: string, says: string]>> = {
  "deno task demo": [".ci/run", "npx -y deno task demo"],
  "deno task test": [".ci/run", "npx -y deno task test"],
  "deno task install": ["tests/install/install.test.ts", 'installer(["install", "--into"'],
  "deno task upgrade": ["tests/install/install.test.ts", 'installer(["upgrade", "--into"'],
  "deno task diff": ["tests/install/install.test.ts", 'installer(["diff", "--into"'],
  "deno task uninstall": ["tests/install/life.test.ts", '"--url"'],
  "deno task start": ["tests/stack/app.test.ts", '"--app", app'],
  "supabase db": ["tests/platform/database.test.ts", 'supabase(["db", "push"'],
  "supabase functions": ["tests/platform/deploy.test.ts", "the functions deploy"],
  "curl": ["tests/operating/monitors.test.ts", 'codeUnder("Monitors", "sh")'],
  "sudo apt-get": [".ci/run", "bubblewrap python3-ipykernel python3-numpy python3-pandas python3-matplotlib"],
  // Somebody else's program: the address, and a token in that header, are used there.
  "claude mcp": ["tests/mcp/agents.ts", "Authorization: `Bearer"],
  // Both need an account: that they are there is all that can be tried here.
  "supabase link": ["tests/docs/commands.test.ts", "each command of the Supabase CLI is there"],
  "supabase secrets": ["tests/docs/commands.test.ts", "each command of the Supabase CLI is there"],
};

const commands = commandsOf(await readPages());
const { test: cliTest } = await needing("Node.js", "the Supabase CLI");
const { tasks } = z.object({ tasks: z.record(z.string(), z.object({ description: z.string(), command: z.string() })) })
  .parse(JSON.parse(await Deno.readTextFile(`${REPOSITORY}/deno.json`)));

/** What Deno prints in the repository's folder. */
async function deno(...args: string[]): Promise<string> {
  const env = { NO_COLOR: "1" };
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: REPOSITORY, env }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

function isKnown(flag: string, text: string): boolean {
  return new RegExp(`(^|[\\s\\[,])${flag.replace(/=.*/, "")}(?![\\w-])`, "m").test(text);
}

Deno.test("each `deno task` is there, and knows its flags", async () => {
  const helps = new Map<string, Promise<string>>();
  const help = async (name: string, ...args: string[]) => {
    const asked = helps.get(name) ?? deno(...args);
    helps.set(name, asked);
    return await asked;
  };
  const used = commands.filter(({ words }) => words[0] === "deno" && words[1] === "task");
  console.log(`${used.length} of \`deno task\``);
  assert(used.length > 40);
  for (const command of used) {
    const name = command.words[2];
    const task = tasks[name];
    assert(task, `${command.page}: there is no task ${name}`);
    for (const flag of flagsOf(command)) {
      if (isKnown(flag, task.description)) continue;
      const isForDeno = task.description.includes("[flags of deno test]");
      const [, module = ""] = /^deno run -A (\S+)/.exec(task.command) ?? [];
      const text = isForDeno
        ? await help("deno test", "test", "--help")
        : task.description.includes("--help")
        ? await help(name, "run", "-A", module, "--help")
        : "";
      assert(isKnown(flag, text), `${command.page}: deno task ${name} knows no ${flag}`);
    }
  }
});

Deno.test("each command of the npm package is there", async () => {
  const usage = await deno("run", "-A", "install/main.ts", "--help");
  const used = commands.filter(({ words }) => words[0] === "execution-contexts");
  assert(used.length > 0);
  for (const { words: [, name] } of used) assert.match(usage, new RegExp(`^  (\\w+ \\| )?${name} `, "m"));
});

cliTest("each command of the Supabase CLI is there, and knows its flags", async () => {
  const seen = new Map<string, Promise<{ output: string }>>();
  for (const command of commands.filter(({ words }) => words[0] === "supabase")) {
    const [, ...rest] = command.words;
    const last = rest.findIndex((word) => !/^[a-z]+$/.test(word));
    const name = last < 0 ? rest : rest.slice(0, last);
    const asked = seen.get(name.join(" ")) ?? supabase([...name, "--help"]);
    seen.set(name.join(" "), asked);
    const { output } = await asked;
    assert(
      output.includes(`supabase ${name.join(" ")} [flags]`),
      `${command.page}: there is no supabase ${name.join(" ")}`,
    );
    for (const flag of flagsOf(command)) {
      assert(isKnown(flag, output), `${command.page}: supabase ${name.join(" ")} knows no ${flag}`);
    }
  }
});

Deno.test("each command that is to be run is run by a test, or in CI", async () => {
  const begins = (command: Command, with_: string) => `${command.words.join(" ")} `.startsWith(`${with_} `);
  const toRun = commands.filter(({ isToRun }) => isToRun);
  for (const command of toRun) {
    const known = Object.keys(RUN_BY).find((beginning) => begins(command, beginning));
    assert(known, `${command.page}: who runs ${command.words.join(" ")}?`);
  }
  for (const [beginning, [file, says]] of Object.entries(RUN_BY)) {
    assert(toRun.some((command) => begins(command, beginning)), `no page says ${beginning}`);
    assert((await Deno.readTextFile(new URL(file, ROOT))).includes(says), `${file} does not say ${says}`);
  }
});

Deno.test("a command is read as a shell reads it", () => {
  const text =
    "`npx -y deno task a [--b C]` `deno x` `npx execution-contexts init`\n\n```sh\nnpx -y deno task c \\\n  --d 'e f'   # g\n```\n";
  assert.deepEqual(commandsOf([parse("a.md", text)]), [
    { page: "a.md", words: ["deno", "task", "c", "--d", "'e f'"], isToRun: true },
    { page: "a.md", words: ["deno", "task", "a", "--b", "C"], isToRun: false },
    { page: "a.md", words: ["execution-contexts", "init"], isToRun: false },
  ]);
});
