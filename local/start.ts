/** `deno task start`: the stack in the foreground, until Ctrl-C. */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { localDirectory } from "./repository.ts";
import { startSchedule } from "./schedule.ts";
import { type Stack, startStack } from "./stack.ts";

const USAGE = `Runs the local stack until Ctrl-C.

  --port N           the port of the API (default 54321; 0 takes any free one)
  --functions N      how many processes run the functions (default 1)
  --e2b-url URL      another E2B-compatible server; its key is E2B_API_KEY of the environment
  --sandbox-url URL  where that server's sandboxes are
  --db-url URL       another Postgres
  --help             this text
`;

const count = (minimum: number, maximum: number) =>
  z.string().regex(/^\d+$/, "must be a whole number").transform(Number).pipe(z.int().min(minimum).max(maximum));

const Flags = z.object({
  help: z.boolean().default(false),
  port: count(0, 65535).default(54321),
  functions: count(1, 64).default(1),
  "e2b-url": z.url({ protocol: /^https?$/ }).optional(),
  "sandbox-url": z.url({ protocol: /^https?$/ }).optional(),
  "db-url": z.url({ protocol: /^postgres(ql)?$/ }).optional(),
}).refine((flags) => flags["sandbox-url"] === undefined || flags["e2b-url"] !== undefined, {
  path: ["sandbox-url"],
  message: "needs --e2b-url",
});

type Command =
  | { readonly outcome: "run"; readonly flags: z.infer<typeof Flags> }
  | { readonly outcome: "help" }
  | { readonly outcome: "invalid"; readonly message: string };

function readCommand(args: string[]): Command {
  const text = { type: "string" } as const;
  try {
    const { values } = parseArgs({
      args,
      options: {
        help: { type: "boolean" },
        port: text,
        functions: text,
        "e2b-url": text,
        "sandbox-url": text,
        "db-url": text,
      },
    });
    const flags = Flags.safeParse(values);
    if (!flags.success) {
      const [issue] = flags.error.issues;
      return { outcome: "invalid", message: `--${issue?.path.join(".")}: ${issue?.message}` };
    }
    return flags.data.help ? { outcome: "help" } : { outcome: "run", flags: flags.data };
  } catch (error) {
    if (error instanceof TypeError) return { outcome: "invalid", message: error.message };
    throw error;
  }
}

/** @returns the exit code */
async function main(args: string[]): Promise<number> {
  const command = readCommand(args);
  switch (command.outcome) {
    case "help":
      console.log(USAGE);
      return 0;
    case "invalid":
      console.error(`${command.message}\n\n${USAGE}`);
      return 2;
    case "run":
      return await run(command.flags);
  }
}

async function run(flags: z.infer<typeof Flags>): Promise<number> {
  const e2bApiKey = Deno.env.get("E2B_API_KEY");
  if (flags["e2b-url"] !== undefined && e2bApiKey === undefined) {
    console.error("--e2b-url: set E2B_API_KEY to that server's key");
    return 2;
  }
  const asked = stopSignal();
  try {
    const stack = await startStack({
      port: flags.port,
      functions: flags.functions,
      e2bUrl: flags["e2b-url"],
      sandboxUrl: flags["sandbox-url"],
      e2bApiKey: flags["e2b-url"] === undefined ? undefined : e2bApiKey,
      databaseUrl: flags["db-url"],
      signal: asked,
      onProgress: (message) => console.error(message),
      onLog: (line) => console.error(line),
    });
    const schedule = startSchedule(stack, (message) => console.error(message));
    try {
      await hold(stack, asked);
    } finally {
      await schedule.stop();
      await stack.stop();
    }
    return 0;
  } catch (error) {
    if (asked.aborted) return 0;
    console.error(explain(error, flags.port));
    return 1;
  }
}

/** Shows where the stack is for as long as it is there. */
async function hold(stack: Stack, asked: AbortSignal): Promise<void> {
  const environment = stack.environment();
  const json = `${JSON.stringify(environment, null, 2)}\n`;
  const file = join(await localDirectory(), "stack.json");
  try {
    await publish(file, json);
    for (const [name, value] of Object.entries(environment)) console.log(`${name}=${JSON.stringify(value)}`);
    console.error("Ready. Ctrl-C stops it.");
    if (!asked.aborted) await new Promise((resolve) => asked.addEventListener("abort", resolve));
  } finally {
    await unpublish(file, json);
  }
}

/** Later signals change nothing: stopping is on its way, and cutting it short would leave things behind. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => {
      console.error(controller.signal.aborted ? "Still stopping" : "Stopping");
      controller.abort();
    });
  }
  return controller.signal;
}

/** Whoever reads the file finds all of it or none; it holds keys, so nobody else may read it. */
async function publish(file: string, json: string): Promise<void> {
  const draft = `${file}.${crypto.randomUUID()}`;
  await Deno.writeTextFile(draft, json, { mode: 0o600, createNew: true });
  await Deno.rename(draft, file);
}

async function unpublish(file: string, json: string): Promise<void> {
  try {
    // A stack that was started later may have put its own in the place of ours.
    if (await Deno.readTextFile(file) === json) await Deno.remove(file);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function explain(error: unknown, port: number): string {
  if (error instanceof Deno.errors.AddrInUse) return `Port ${port} is taken: use --port 0 for any free one`;
  return error instanceof Error ? error.message : String(error);
}

Deno.exit(await main(Deno.args));
