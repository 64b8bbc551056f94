/** `deno task start`: the stack in the foreground, until Ctrl-C. */

import { join } from "node:path";
import { readApp } from "./app.ts";
import { chooseKernel } from "./e2b/choose_kernel.ts";
import { KeptInUse, openKept } from "./kept.ts";
import { MigrationChanged } from "./migrate.ts";
import { requirePlatform } from "./platform.ts";
import { keptDirectory, localDirectory } from "./repository.ts";
import { watchRunners } from "./runners.ts";
import { type Stack, startStack } from "./stack.ts";
import { publish, unpublish } from "./stack_file.ts";
import { type Flags, readCommand, USAGE } from "./start_command.ts";

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

async function run(flags: Flags): Promise<number> {
  const e2bApiKey = Deno.env.get("E2B_API_KEY");
  if (flags["e2b-url"] !== undefined && e2bApiKey === undefined) {
    console.error("--e2b-url: set E2B_API_KEY to that server's key");
    return 2;
  }
  const stopping = new AbortController();
  stopOnSignals(stopping);
  const unwatch = await watchRunners(() => {
    console.error("What started it has ended: stopping");
    stopping.abort();
  });
  await using parts = new AsyncDisposableStack();
  parts.defer(unwatch);
  try {
    const app = flags.app === undefined ? undefined : await readApp(flags.app);
    const kept = flags.keep
      ? parts.adopt(await openKept(await keptDirectory(flags.app), { reset: flags.reset }), ({ close }) => close())
      : undefined;
    const kernel = flags["e2b-url"] === undefined
      ? await chooseKernel(flags.kernel, (message) => console.error(message))
      : undefined;
    const stack = parts.use(
      await startStack({
        kernel,
        spares: 1,
        port: flags.port,
        functions: flags.functions,
        runtime: flags.runtime,
        plan: flags.plan,
        e2bUrl: flags["e2b-url"],
        sandboxUrl: flags["sandbox-url"],
        templates: flags.template,
        e2bApiKey: flags["e2b-url"] === undefined ? undefined : e2bApiKey,
        databaseUrl: flags["db-url"],
        app,
        kept,
        sweeps: true,
        page: true,
        signal: stopping.signal,
        onProgress: (message) => console.error(message),
        onLog: (line) => console.error(line),
      }),
    );
    await hold(stack, stopping.signal);
    return 0;
  } catch (error) {
    if (stopping.signal.aborted) return 0;
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
    console.error(stack.hasPage ? `Ready: ${stack.apiUrl} is a notebook. Ctrl-C stops it.` : "Ready. Ctrl-C stops it.");
    if (!asked.aborted) await new Promise((resolve) => asked.addEventListener("abort", resolve));
  } finally {
    await unpublish(file, json);
  }
}

/** Later signals change nothing: stopping is on its way, and cutting it short would leave things behind. */
function stopOnSignals(stopping: AbortController): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => {
      console.error(stopping.signal.aborted ? "Still stopping" : "Stopping");
      stopping.abort();
    });
  }
}

function explain(error: unknown, port: number): string {
  if (error instanceof Deno.errors.AddrInUse) return `Port ${port} is taken: use --port 0 for any free one`;
  if (error instanceof KeptInUse) return `${error.message}: stop it, or start without --keep`;
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof Error && error.cause instanceof MigrationChanged)) return message;
  return `${message}. Undo that and write a new migration, or start with --keep --reset, which deletes what was kept`;
}

await requirePlatform();
Deno.exit(await main(Deno.args));
