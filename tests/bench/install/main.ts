/** `deno task bench:install [--json]`: minutes and commands from an existing app to the first `x + 1` in it, and back again. */
import { createClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { REPOSITORY } from "../../../local/repository.ts";
import { exampleApp } from "../../install/example_app.ts";
import { supabase } from "../../support/supabase_cli.ts";

const { values: { json } } = parseArgs({ args: Deno.args, options: { json: { type: "boolean", default: false } } });

interface Step {
  readonly step: string;
  /** What its user types; 0 where that is code of theirs. */
  readonly commands: number;
  readonly seconds: number;
}

const steps: Step[] = [];
async function step<T>(name: string, commands: number, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const value = await work();
  steps.push({ step: name, commands, seconds: Math.round((performance.now() - started) / 100) / 10 });
  return value;
}

async function run(command: string, args: string[], cwd: string, env: Record<string, string> = {}): Promise<void> {
  const { code, stderr } = await new Deno.Command(command, { args, cwd, env, stdin: "null" }).output();
  assert.equal(code, 0, `${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

const deno = (args: string[], env: Record<string, string> = {}) =>
  run(Deno.execPath(), ["task", ...args], REPOSITORY, env);

const environmentSchema = z.object({
  API_URL: z.string(),
  DB_URL: z.string(),
  PUBLISHABLE_KEY: z.string(),
  SECRET_KEY: z.string(),
});

/** `deno task start`, until it has printed where it is. */
async function start(directory: string) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "start", "--port", "0", "--app", directory],
    cwd: REPOSITORY,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const environment: Record<string, string> = {};
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    for (const [, name, value] of text.matchAll(/^(\w+)=(".*")$/gm)) environment[name] = JSON.parse(value);
    if ("E2B_API_KEY" in environment) break;
  }
  return {
    environment: environmentSchema.parse(environment),
    stop: async () => {
      child.kill("SIGTERM");
      await child.status;
    },
  };
}

await using original = await exampleApp();
await using parts = new AsyncDisposableStack();
const folder = parts.adopt(await Deno.makeTempDir(), (path) => Deno.remove(path, { recursive: true }));
const app = join(folder, "their-app");
const git = ["-c", "user.name=They", "-c", "user.email=they@example.com"];
await run("git", ["init", "--quiet"], original.directory);
await run("git", ["add", "--all"], original.directory);
await run("git", [...git, "commit", "--quiet", "--message", "Our app"], original.directory);
await run("git", ["clone", "--quiet", original.directory, app], folder);

await step("deno task install --into ../their-app", 1, () => deno(["install", "--into", app]));
const { environment, stop } = await step("deno task start --app ../their-app", 1, () => start(app));
parts.defer(stop);
await step("the first x + 1, by supabase-js", 0, async () => {
  const client = createClient(environment.API_URL, environment.PUBLISHABLE_KEY, { auth: { persistSession: false } });
  await client.auth.signInAnonymously();
  const path = { conversation_id: "chat-7", path_id: "main" };
  await client.functions.invoke("execute-code", { body: { ...path, code: "x = 41" } });
  const { data } = await client.functions.invoke("execute-code", { body: { ...path, code: "x + 1" } });
  assert.equal(data.execution.results[0].text, "42");
});
const there = steps.length;
await step(
  "deno task uninstall --into ../their-app --url …",
  1,
  () =>
    deno(["uninstall", "--into", app, "--url", environment.API_URL], { SUPABASE_SECRET_KEY: environment.SECRET_KEY }),
);
await step("supabase db push", 1, async () => {
  const { code, output } = await supabase(["db", "push", `--remote=${environment.DB_URL}`, "--yes"], {}, app);
  assert.equal(code, 0, output);
});
const { stdout } = await new Deno.Command("git", { args: ["status", "--short"], cwd: app }).output();
const left = new TextDecoder().decode(stdout).trim().split("\n");

const total = (some: readonly Step[]) => ({
  commands: some.reduce((sum, { commands }) => sum + commands, 0),
  seconds: Math.round(some.reduce((sum, { seconds }) => sum + seconds, 0) * 10) / 10,
});
const totals = { to_the_first_result: total(steps.slice(0, there)), back_again: total(steps.slice(there)) };
if (json) console.log(JSON.stringify({ steps, totals, left }, null, 2));
else {
  console.table(steps);
  console.table(totals);
  console.log(`What git sees in the app afterwards:\n${left.join("\n")}`);
}
