/** A stack whose ways to its sandbox provider and to its database lead through proxies, where tests hold or break them. */
import { type E2BServer, startE2B } from "../../local/e2b/server.ts";
import { type Stack, type StackOptions, startStack } from "../../local/stack.ts";
import { type Fault, type Proxy, type RequestLine, startProxy } from "./proxy.ts";
import type { connect } from "./rows.ts";
import { eventually, owedKills, ownership, sweepNow } from "./settle.ts";

export interface FaultyStack {
  readonly stack: Stack;
  readonly provider: E2BServer;
  /** In front of the provider. */
  readonly proxy: Proxy;
  /** In front of PostgREST, for the functions only. */
  readonly database: Proxy;
  stop(): Promise<void>;
}

export async function startFaultyStack(options: StackOptions = {}): Promise<FaultyStack> {
  const provider = await startE2B();
  const proxy = await startProxy(provider.url);
  const database = await startProxy();
  const stack = await startStack({
    ...options,
    e2bUrl: proxy.url,
    sandboxUrl: proxy.url,
    e2bApiKey: provider.apiKey,
    env: { SANDBOX_LANGUAGES: "python", SUPABASE_URL: database.url, ...options.env },
  });
  database.target = stack.apiUrl;
  return {
    stack,
    provider,
    proxy,
    database,
    stop: async () => {
      await stack.stop();
      await database.stop();
      await proxy.stop();
      await provider.stop();
    },
  };
}

/** Settings under which what takes minutes in production takes seconds. */
export const impatient = (() => {
  const lease = 2;
  const probation = 3;
  return {
    env: {
      CONTEXT_LEASE_SECONDS: String(lease),
      SANDBOX_PROBATION_SECONDS: String(probation),
      EXECUTION_LEASE_SECONDS: String(lease),
    },
    /** How long a sandbox may live that nobody owns, in seconds: creating (half a lease), probation, and a sweep. */
    bound: lease / 2 + probation + 5,
  };
})();

/** Fails unless, before long, each sandbox of a conversation is owned by an active context, and no kill is owed. */
export async function leaksNothing(
  { stack, provider }: FaultyStack,
  sql: ReturnType<typeof connect>,
  { conversation_id }: { readonly conversation_id: string },
): Promise<void> {
  await eventually(
    "each sandbox of the path is owned by an active context, and no kill is owed",
    impatient.bound,
    async () => {
      await sweepNow(stack, sql);
      const { owned, alive } = await ownership(provider, sql, conversation_id);
      return owned.join() === alive.join() && await owedKills(sql, conversation_id) === 0;
    },
  );
}

const rpc = (name: string) => ({ path }: RequestLine) => path.endsWith(`/rpc/${name}`);

/** The steps of the functions' work, by the requests that they send. */
export const at = {
  create: ({ method, path }: RequestLine) => method === "POST" && path === "/v2/sandboxes",
  /** To a sandbox in use; to a new one, what ends its probation. */
  connect: ({ path }: RequestLine) => path.endsWith("/connect"),
  kill: ({ method }: RequestLine) => method === "DELETE",
  execute: ({ path }: RequestLine) => path === "/execute",
  upload: ({ method, path }: RequestLine) => method === "POST" && path.startsWith("/files"),
  download: ({ method, path }: RequestLine) => method === "GET" && path.startsWith("/files"),
  /** Of a stuck kernel: whether it is in use, its announcement, which one it is, and itself. */
  inUse: rpc("is_kernel_in_use"),
  noteRestart: rpc("note_kernel_restart"),
  kernels: ({ method, path }: RequestLine) => method === "GET" && path === "/contexts",
  restart: ({ path }: RequestLine) => path.endsWith("/restart"),
  claim: rpc("claim_execution_context"),
  activate: rpc("activate_execution_context"),
  fail: rpc("fail_execution_context"),
  lose: rpc("lose_execution_context"),
  mark: rpc("terminate_execution_contexts"),
  confirm: rpc("confirm_sandbox_killed"),
  /** In the ledger. */
  start: rpc("start_execution"),
  finish: rpc("finish_execution"),
  /** Of an idempotency key. */
  claimKey: rpc("claim_execution"),
  keepKey: rpc("keep_execution"),
  releaseKey: rpc("release_execution"),
  send: rpc("send_execution"),
  keepAnswer: rpc("answer_execution"),
};

/** An answer in the provider's form. */
export const answer = (status: number, headers?: HeadersInit): Extract<Fault, { kind: "answer" }> => ({
  kind: "answer",
  status,
  headers,
});
/** What a request may meet, by name. */
export const faults: Record<string, Fault> = {
  "401": answer(401),
  "429": answer(429),
  "429 with Retry-After": answer(429, { "Retry-After": "9" }),
  "500": answer(500),
  "502": answer(502),
  "503": answer(503),
  "504": answer(504),
  "a connection that breaks before": { kind: "drop", when: "before" },
  "a connection that breaks after": { kind: "drop", when: "after" },
};
