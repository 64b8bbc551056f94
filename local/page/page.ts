/** The local stack's page: a notebook, a stampede, and what an operator sees. Everything of it comes from here. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { bundle } from "../bundle.ts";
import type { Sandboxes } from "../sandboxes.ts";
import { Latencies } from "./latencies.ts";
import { openOperator, type Operator } from "./operator.ts";
import { stampede } from "./stampede.ts";

export interface PageOptions {
  readonly apiUrl: string;
  readonly publishableKey: string;
  readonly secretKey: string;
  readonly databaseUrl: string;
  readonly e2b: Sandboxes;
}

export interface Page {
  /** Undefined: the path is none of the page's. */
  handle(request: Request): Promise<Response> | undefined;
  /** Takes a line of the functions' log, for the operator's latencies. */
  noteLine(line: string): void;
  /** Takes what a sweep has found. */
  noteSweep(answer: unknown): void;
  /** Leaves no connection or file. */
  stop(): Promise<void>;
}

const FOLDER = fileURLToPath(new URL(".", import.meta.url));

/** Nothing comes from elsewhere, and what a sandbox says cannot become a script. */
const POLICY = [
  "default-src 'self'",
  "img-src 'self' data:",
  "style-src 'self' 'unsafe-inline'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const sweepSchema = z.object({ orphans: z.int() });
const stampedeSchema = z.strictObject({ callers: z.int().min(1).max(200) });

export function createPage(options: PageOptions): Page {
  const latencies = new Latencies();
  /** Sandboxes that no context owned, and that sweeps have killed. */
  let orphans = 0;
  // Made once: while a browser reads the page, its script is on its way.
  let script: Promise<Uint8Array<ArrayBuffer>> | undefined;
  let operator: Operator | undefined;
  let isStopped = false;
  const scriptText = () =>
    script ??= bundled().catch((error) => {
      script = undefined;
      throw error;
    });

  const files = new Map<string, () => Promise<Response>>([
    ["/", async () => respond(await readPage(options), "text/html")],
    ["/page.css", async () => respond(await Deno.readTextFile(join(FOLDER, "page.css")), "text/css")],
    ["/page.js", async () => respond(await scriptText(), "text/javascript")],
    ["/favicon.svg", async () => respond(await Deno.readTextFile(join(FOLDER, "favicon.svg")), "image/svg+xml")],
  ]);
  const answers = new Map<string, (request: Request) => Promise<Response>>([
    ["POST /stampede", async (request) => {
      const asked = stampedeSchema.safeParse(await request.json().catch(() => null));
      if (!asked.success) return new Response(z.prettifyError(asked.error), { status: 400 });
      return Response.json(await stampede(options, asked.data.callers, request.headers.get("authorization") ?? ""));
    }],
    ["GET /operator", async () => {
      if (isStopped) return new Response("The stack is stopping.", { status: 503 });
      operator ??= openOperator(options);
      return Response.json({ ...await operator.look(), orphans_found: orphans, latencies: latencies.list() });
    }],
  ]);
  return {
    handle: (request) => {
      const { pathname } = new URL(request.url);
      const file = files.get(pathname);
      if (file && request.method === "GET") return file();
      const answer = answers.get(`${request.method} ${pathname}`);
      if (answer === undefined) return undefined;
      return isOwn(request) ? answer(request) : Promise.resolve(new Response("For this page alone.", { status: 403 }));
    },
    noteLine: (line) => latencies.note(line),
    noteSweep: (answer) => {
      const parsed = sweepSchema.safeParse(answer);
      if (parsed.success) orphans += parsed.data.orphans;
    },
    stop: async () => {
      isStopped = true;
      await script?.catch(() => {});
      await operator?.stop();
    },
  };
}

/**
 * Whether a request comes from the page itself: what it asks for is done with the secret key. A page from elsewhere that
 * has this machine's address under a name of its own is told by that name.
 */
function isOwn({ headers, url }: Request): boolean {
  const { hostname, origin } = new URL(url);
  const from = headers.get("origin");
  return (hostname === "127.0.0.1" || hostname === "localhost") && (from === null || from === origin) &&
    (headers.get("sec-fetch-site") ?? "same-origin") === "same-origin";
}

function respond(body: string | Uint8Array<ArrayBuffer>, type: string): Response {
  return new Response(body, {
    headers: {
      "content-type": `${type}; charset=utf-8`,
      "cache-control": "no-cache",
      "content-security-policy": POLICY,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    },
  });
}

async function readPage({ publishableKey, e2b }: PageOptions): Promise<string> {
  const stack = JSON.stringify({ publishableKey, isLocal: e2b.server !== null });
  const html = await Deno.readTextFile(join(FOLDER, "page.html"));
  return html.replace("null", () => stack.replaceAll("<", "\\u003c"));
}

async function bundled(): Promise<Uint8Array<ArrayBuffer>> {
  const folder = await Deno.makeTempDir();
  try {
    const file = join(folder, "page.js");
    await bundle(join(FOLDER, "app", "main.tsx"), file, ["--minify", "--platform=browser"]);
    return await Deno.readFile(file);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
