/** What `deno task start` is asked for. */

import { parseArgs } from "node:util";
import { z } from "zod";
import { KERNELS } from "./e2b/choose_kernel.ts";
import type { Plan } from "./functions/edge/limits.ts";
import { RUNTIMES } from "./functions/runtime.ts";

export const USAGE = `Runs the local stack until Ctrl-C.

  --port N           the port of the API (default 54321; 0 takes any free one)
  --functions N      how many processes run the functions (default 1)
  --runtime NAME     in what they run: deno (default), or edge, as the platform runs them
  --plan NAME        with --runtime edge: what the platform grants, on the plan free or paid (default)
  --kernel NAME      what runs Python: native (this system's own, with numpy, behind bubblewrap's walls; default where it
                     is), or pyodide (everywhere)
  --keep             data, users and keys stay from one start to the next, under .local/kept
  --reset            with --keep: deletes what was kept, first
  --app DIR          runs the Supabase project in DIR: its migrations and its functions
  --template NAME    sandboxes may be made of this template, too; may be given several times
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
  runtime: z.enum(RUNTIMES).default("deno"),
  plan: z.literal(["free", "paid"] satisfies Plan[]).optional(),
  kernel: z.enum(KERNELS).optional(),
  keep: z.boolean().default(false),
  reset: z.boolean().default(false),
  app: z.string().min(1).optional(),
  template: z.array(z.string().min(1)).default([]),
  "e2b-url": z.url({ protocol: /^https?$/ }).optional(),
  "sandbox-url": z.url({ protocol: /^https?$/ }).optional(),
  "db-url": z.url({ protocol: /^postgres(ql)?$/ }).optional(),
}).refine((flags) => flags["sandbox-url"] === undefined || flags["e2b-url"] !== undefined, {
  path: ["sandbox-url"],
  message: "needs --e2b-url",
}).refine((flags) => flags.kernel === undefined || flags["e2b-url"] === undefined, {
  path: ["kernel"],
  message: "is that of the stack's own sandboxes, and not of --e2b-url",
}).refine((flags) => flags.plan === undefined || flags.runtime === "edge", {
  path: ["plan"],
  message: "needs --runtime edge",
}).refine((flags) => flags.keep || !flags.reset, { path: ["reset"], message: "needs --keep" })
  .transform((flags) => flags.runtime === "edge" ? { ...flags, plan: flags.plan ?? "paid" as const } : flags);
export type Flags = z.infer<typeof Flags>;

export type Command =
  | { readonly outcome: "run"; readonly flags: Flags }
  | { readonly outcome: "help" }
  | { readonly outcome: "invalid"; readonly message: string };

export function readCommand(args: string[]): Command {
  const [text, flag] = [{ type: "string" }, { type: "boolean" }] as const;
  try {
    const { values } = parseArgs({
      args,
      options: {
        help: flag,
        port: text,
        functions: text,
        runtime: text,
        plan: text,
        kernel: text,
        keep: flag,
        reset: flag,
        app: text,
        template: { ...text, multiple: true },
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
