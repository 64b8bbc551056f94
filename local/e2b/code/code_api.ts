import { z } from "zod";
import { HttpError, readBody } from "../http.ts";
import type { Language } from "../machine/language.ts";
import { type Context, DEFAULT_CWD } from "../sandbox/contexts.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { executionStream } from "./execution_stream.ts";

const BODY_LIMIT = 16 * 1024 * 1024;
const MAX_CONTEXTS = 20;

/** What else the template calls languages. */
const ALIASES: ReadonlyMap<string, string> = new Map([["js", "javascript"], ["ts", "typescript"]]);

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
      return Response.json(sandbox.contexts.all().map(describe));
    case "POST /contexts":
      return await createContext(request, sandbox);
    case "POST /contexts/:id/restart": {
      const context = sandbox.contexts.find(contextId ?? "");
      if (context === undefined) return noContext(contextId);
      await context.kernel.restart();
      return Response.json(null);
    }
    case "DELETE /contexts/:id": {
      const context = sandbox.contexts.find(contextId ?? "");
      if (context === undefined) return noContext(contextId);
      await sandbox.contexts.remove(context);
      return new Response(null, { status: 204 });
    }
    default:
      throw new HttpError(501, `${request.method} ${pathname} is not supported by the local sandbox`);
  }
}

async function execute(request: Request, sandbox: Sandbox): Promise<Response> {
  const body = await readBody(request, executeSchema, BODY_LIMIT);
  if (body.context_id && body.language) {
    throw new HttpError(400, "Only one of context_id or language can be provided");
  }
  const language = languageOf(body.language, sandbox);
  if (language === null) return new Response(failedExecution(noLanguage(body.language, sandbox), sandbox.connections));
  const context = body.context_id ? sandbox.contexts.find(body.context_id) : sandbox.contexts.default(language);
  if (context === undefined) return noContext(body.context_id);
  const { code, env_vars } = body;
  return new Response(executionStream(
    (sink, signal) => context.kernel.execute(code, env_vars ?? {}, sink, signal),
    sandbox.connections,
  ));
}

async function createContext(
  request: Request,
  sandbox: Sandbox,
): Promise<Response> {
  const body = await readBody(request, contextSchema, 64 * 1024);
  const language = languageOf(body.language, sandbox);
  if (language === null) {
    const statusText = noLanguage(body.language, sandbox);
    // The SDK shows the status alone; where the runtime lets it, with these words.
    return new Response(statusText, { status: 501, statusText });
  }
  if (sandbox.contexts.size >= MAX_CONTEXTS) {
    throw new HttpError(400, `a sandbox has at most ${MAX_CONTEXTS} contexts`);
  }
  return Response.json(describe(sandbox.contexts.create(language, body.cwd ?? DEFAULT_CWD)));
}

/** The language that a client means, written as the template lets it be written; `null` without a kernel for it. */
function languageOf(given: string | null | undefined, { machine }: Sandbox): Language | null {
  const name = nameOf(given);
  return machine.languages.find((language) => language === name) ?? null;
}

function nameOf(given: string | null | undefined): string {
  const name = (given || "python").toLowerCase().trim();
  return ALIASES.get(name) ?? name;
}

/** In ASCII without line breaks, as it may become the text of a status. */
function noLanguage(given: string | null | undefined, { machine }: Sandbox): string {
  const name = nameOf(given).slice(0, 50).replace(/[^\x20-\x7e]/g, "?");
  return `No kernel for language '${name}': this sandbox has ${machine.languages.join(", ")}`;
}

/** An execution that cannot begin, told as code's own failure is: with an HTTP error the SDK would not show the words. */
function failedExecution(value: string, connections: AbortSignal): ReadableStream<Uint8Array> {
  return executionStream(async (sink) => {
    await sink({ type: "error", name: "UnsupportedLanguage", value, traceback: "" });
    await sink({ type: "end_of_execution" });
  }, connections);
}

function noContext(id: string | null | undefined): Response {
  return new Response(`Context ${id} not found`, { status: 404 });
}

function describe({ id, language, cwd }: Context) {
  return { id, language, cwd };
}
