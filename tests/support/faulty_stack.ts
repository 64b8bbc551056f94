/** A stack whose ways to its sandbox provider and to its database lead through proxies, where tests hold or break them. */
import { type E2BServer, startE2B } from "../../local/e2b/server.ts";
import { type Stack, type StackOptions, startStack } from "../../local/stack.ts";
import { type Proxy, type RequestLine, startProxy } from "./proxy.ts";

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

const rpc = (name: string) => ({ path }: RequestLine) => path.endsWith(`/rpc/${name}`);

/** The steps of the functions' work, by the requests that they send. */
export const at = {
  create: ({ method, path }: RequestLine) => method === "POST" && path === "/v2/sandboxes",
  /** To a sandbox in use; to a new one, what ends its probation. */
  connect: ({ path }: RequestLine) => path.endsWith("/connect"),
  kill: ({ method }: RequestLine) => method === "DELETE",
  execute: ({ path }: RequestLine) => path === "/execute",
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
