import type { Language } from "../machine/language.ts";
import type { Context } from "../sandbox/contexts.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";

/** Jupyter calls its own kernel for a language otherwise than the template calls the language. */
const KERNEL_NAMES: Readonly<Record<Language, string>> = {
  python: "python3",
  javascript: "javascript",
  typescript: "typescript",
  r: "ir",
  bash: "bash",
};

/** What Jupyter's REST API says of a kernel; its id is that of the code context. */
interface KernelModel {
  readonly id: string;
  readonly name: string;
  readonly last_activity: string;
  readonly execution_state: "busy" | "idle";
  readonly connections: number;
}

const ONE_KERNEL = /^\/api\/kernels\/([^/]+)/;

/** What can be asked of one kernel. */
type Action = (context: Context) => Response | Promise<Response>;
const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  ["GET /api/kernels/:id", show],
  ["POST /api/kernels/:id/interrupt", interrupt],
  ["POST /api/kernels/:id/restart", restart],
]);

/**
 * Jupyter's own server, which the template has beside its code server. Its
 * interrupt is the only one that leaves the execution's connection open.
 */
export async function handleJupyter(request: Request, sandbox: Sandbox): Promise<Response> {
  const { pathname } = new URL(request.url);
  const route = `${request.method} ${pathname.replace(ONE_KERNEL, "/api/kernels/:id")}`;
  if (route === "GET /api/kernels") return Response.json(sandbox.contexts.all().map(describe));
  const act = ACTIONS.get(route);
  if (act === undefined) {
    return failure(501, `${request.method} ${pathname} is not supported by the local sandbox`);
  }
  const id = ONE_KERNEL.exec(pathname)?.[1] ?? "";
  const context = sandbox.contexts.find(id);
  return context === undefined ? failure(404, `Kernel does not exist: ${id}`) : await act(context);
}

function show(context: Context): Response {
  return Response.json(describe(context));
}

/** Has no answer to wait for, as a signal has none: the execution's stream tells what came of it. */
function interrupt({ kernel }: Context): Response {
  kernel.interrupt();
  return new Response(null, { status: 204 });
}

async function restart(context: Context): Promise<Response> {
  await context.kernel.restart();
  return show(context);
}

function describe({ id, language, kernel }: Context): KernelModel {
  return {
    id,
    name: KERNEL_NAMES[language],
    last_activity: kernel.lastActivity.toISOString(),
    execution_state: kernel.isBusy ? "busy" : "idle",
    // The code server's: it listens to every kernel for as long as the context lives.
    connections: 1,
  };
}

/** As Jupyter's API says it. */
function failure(status: 404 | 501, message: string): Response {
  return Response.json({ message, reason: null }, { status });
}
