import { z } from "zod";
import { HttpError, readBody } from "../http.ts";
import type { Language } from "../machine/language.ts";
import { type Context, DEFAULT_CWD, type Sandbox } from "../sandbox/sandbox.ts";
import { executionStream } from "./execution_stream.ts";

const BODY_LIMIT = 16 * 1024 * 1024;
const MAX_CONTEXTS = 20;

/** What a client may call the languages that have kernels. */
const LANGUAGES: ReadonlyMap<string, Language> = new Map([
  ["python", "python"],
  ["javascript", "javascript"],
  ["js", "javascript"],
  ["typescript", "typescript"],
  ["ts", "typescript"],
  ["r", "r"],
  ["bash", "bash"],
]);

const executeSchema = z.object({
  code: z.string(),
  context_id: z.string().nullish(),
  language: z.string().nullish(),
  env_vars: z.record(z.string(), z.string()).nullish(),
});
const contextSchema = z.object({
  language: z.string().nullish(),
  cwd: z.string().startsWith("/").nullish(),
});

/** What the code server of E2B's template answers. */
export async function handleCode(
  request: Request,
  sandbox: Sandbox,
): Promise<Response> {
  const { pathname } = new URL(request.url);
  const [, root, contextId, verb] = pathname.split("/");
  switch (`${request.method} /${root}${contextId ? "/:id" : ""}${verb ? `/${verb}` : ""}`) {
    case "GET /health":
      return new Response("OK");
    case "POST /execute":
      return await execute(request, sandbox);
    case "GET /contexts":
      return Response.json([...sandbox.contexts.values()].map(describe));
    case "POST /contexts":
      return await createContext(request, sandbox);
    case "POST /contexts/:id/restart": {
      const context = sandbox.contexts.get(contextId ?? "");
      if (context === undefined) return noContext(contextId);
      await context.kernel.restart();
      return new Response(null, { status: 204 });
    }
    case "DELETE /contexts/:id": {
      const context = sandbox.contexts.get(contextId ?? "");
      if (context === undefined) return noContext(contextId);
      sandbox.contexts.delete(context.id);
      await context.kernel.remove();
      return new Response(null, { status: 204 });
    }
    default:
      throw new HttpError(404, `no route for ${request.method} ${pathname}`);
  }
}

async function execute(request: Request, sandbox: Sandbox): Promise<Response> {
  const body = await readBody(request, executeSchema, BODY_LIMIT);
  if (body.context_id && body.language) {
    throw new HttpError(400, "Only one of context_id or language can be provided");
  }
  const language = LANGUAGES.get(body.language || "python");
  if (language === undefined) return noLanguage(body.language);
  const context = body.context_id ? sandbox.contexts.get(body.context_id) : sandbox.defaultContext(language);
  if (context === undefined) return noContext(body.context_id);
  const { code, env_vars } = body;
  return new Response(executionStream(
    (sink, signal) => context.kernel.execute(code, env_vars ?? {}, sink, signal),
    sandbox.end,
  ));
}

async function createContext(
  request: Request,
  sandbox: Sandbox,
): Promise<Response> {
  const body = await readBody(request, contextSchema, 64 * 1024);
  const language = LANGUAGES.get(body.language || "python");
  if (language === undefined) return noLanguage(body.language);
  if (sandbox.contexts.size >= MAX_CONTEXTS) {
    throw new HttpError(400, `a sandbox has at most ${MAX_CONTEXTS} contexts`);
  }
  return Response.json(describe(sandbox.createContext(language, body.cwd ?? DEFAULT_CWD)));
}

function noLanguage(language: string | null | undefined): Response {
  return new Response(`No kernel for language ${language}`, { status: 500 });
}

function noContext(id: string | null | undefined): Response {
  return new Response(`Context ${id} not found`, { status: 404 });
}

function describe({ id, language, cwd }: Context) {
  return { id, language, cwd };
}
