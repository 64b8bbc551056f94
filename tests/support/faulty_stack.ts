/** A stack whose ways to its sandbox provider and to its database lead through proxies, where tests hold or break them. */
import type postgres from "postgres";
import { type E2BServer, startE2B, TEMPLATES } from "../../local/e2b/server.ts";
import type { Stack, StackOptions } from "../../local/stack.ts";
import { type Fault, type Proxy, type RequestLine, startProxy } from "./proxy.ts";
import { connection } from "./database.ts";
import { connect } from "./rows.ts";
import { eventually, owedKills, ownership, sweepNow } from "./settle.ts";
import { shared } from "./shared.ts";
import { startStack, testedKernel } from "./stack.ts";

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
  await using parts = new AsyncDisposableStack();
  const provider = parts.adopt(
    await startE2B({ kernel: options.kernel ?? testedKernel(), templates: [...TEMPLATES, "theirs"] }),
    ({ stop }) => stop(),
  );
  const proxy = parts.adopt(await startProxy(provider.url), ({ stop }) => stop());
  const database = parts.adopt(await startProxy(), ({ stop }) => stop());
  const stack = parts.use(
    await startStack({
      ...options,
      e2bUrl: proxy.url,
      sandboxUrl: proxy.url,
      e2bApiKey: provider.apiKey,
      env: { SANDBOX_LANGUAGES: "python,javascript,typescript", SUPABASE_URL: database.url, ...options.env },
    }),
  );
  database.target = stack.apiUrl;
  // From here on they are the caller's to stop.
  const kept = parts.move();
  return { stack, provider, proxy, database, stop: () => kept.disposeAsync() };
}

/** The faulty stack of a file's tests, and a superuser's connection to its database. */
export function useFaultyStack(options: StackOptions = {}): Omit<FaultyStack, "stop"> & { readonly sql: postgres.Sql } {
  const made = shared(async (parts) => {
    const faulty = parts.adopt(await startFaultyStack(options), ({ stop }) => stop());
    return { ...faulty, sql: connection(parts, connect(faulty.stack)) };
  });
  return {
    get stack() {
      return made().stack;
    },
    get provider() {
      return made().provider;
    },
    get proxy() {
      return made().proxy;
    },
    get database() {
      return made().database;
    },
    get sql() {
      return made().sql;
    },
  };
}

/** Settings under which what takes minutes in production takes seconds. */
export const impatient = (() => {
  // Creating may take half of it, also while others keep the machine busy.
  const lease = 6;
  const probation = 3;
  return {
    env: {
      CONTEXT_LEASE_SECONDS: String(lease),
      SANDBOX_PROBATION_SECONDS: String(probation),
      // Nothing is made under it: it is renewed, and who finds a dead one's key waits so long.
      EXECUTION_LEASE_SECONDS: "4",
    },
    /**
     * How long a sandbox may live that nobody owns, in seconds: creating (half a lease), probation, and the sweep that
     * finds it, which is given the ten seconds that one call of the database may take.
     */
    bound: lease / 2 + probation + 10,
  };
})();

/**
 * Part of a request, where hundreds of kernels are started and the language does not matter: JavaScript's costs a fifth
 * of the computing of Python's.
 */
export const quick = { language: "javascript" } as const;

/** Fails unless, within so many seconds, each sandbox of a conversation is owned by an active context, and no kill is owed. */
export async function leaksNothing(
  { stack, provider, sql }: Pick<FaultyStack, "stack" | "provider"> & { readonly sql: postgres.Sql },
  { conversation_id }: { readonly conversation_id: string },
  seconds = impatient.bound,
): Promise<void> {
  await eventually(
    "each sandbox of the path is owned by an active context, and no kill is owed",
    async () => {
      await sweepNow(stack, sql);
      const { owned, alive } = await ownership(provider, sql, conversation_id);
      return owned.join() === alive.join() && await owedKills(sql, conversation_id) === 0;
    },
    // A sweep is a call of its own: hundreds of tests that wait would do little else.
    { seconds, everyMilliseconds: 300 },
  );
}

const isQuestion = ({ code = "" }: RequestLine) => /^;?(#|\/\/)$/.test(code);
const rpc = (name: string) => ({ path }: RequestLine) => path.endsWith(`/rpc/${name}`);

/** The steps of the functions' work, by the requests that they send. */
export const at = {
  create: ({ method, path }: RequestLine) => method === "POST" && path === "/v2/sandboxes",
  /** To a sandbox in use; to a new one, what ends its probation. */
  connect: ({ path }: RequestLine) => path.endsWith("/connect"),
  fork: ({ path }: RequestLine) => path.endsWith("/fork"),
  kill: ({ method }: RequestLine) => method === "DELETE",
  list: ({ method, path }: RequestLine) => method === "GET" && path.startsWith("/v2/sandboxes"),
  /** The caller's code. */
  execute: (request: RequestLine) => request.path === "/execute" && !isQuestion(request),
  /** Whether a kernel is free, by code that does nothing. The last test's may still be on its way. */
  question: (request: RequestLine) => request.path === "/execute" && isQuestion(request),
  upload: ({ method, path }: RequestLine) => method === "POST" && path.startsWith("/files"),
  download: ({ method, path }: RequestLine) => method === "GET" && path.startsWith("/files"),
  /** Of a stuck kernel: whether it is in use, its announcement, which one it is, and itself. */
  inUse: rpc("copilot_is_kernel_in_use"),
  noteRestart: rpc("copilot_note_kernel_restart"),
  kernels: ({ method, path }: RequestLine) => method === "GET" && path === "/contexts",
  restart: ({ path }: RequestLine) => path.endsWith("/restart"),
  /** Of a run that is cut off: that others wait, the interrupt, and that they wait no more. */
  hold: rpc("copilot_hold_kernel"),
  interrupt: ({ path }: RequestLine) => path.endsWith("/interrupt"),
  letGo: rpc("copilot_release_kernel"),
  claim: rpc("copilot_claim_context"),
  /** Of a branch: that its claim lasts, that its source stands still, and that it need not any more. */
  keepClaim: rpc("copilot_keep_claim"),
  holdSource: rpc("copilot_hold_source"),
  letSourceGo: rpc("copilot_let_source_go"),
  /** Of one that could not be woken. */
  releaseWake: rpc("copilot_release_wake"),
  activate: rpc("copilot_activate_context"),
  fail: rpc("copilot_fail_context"),
  lose: rpc("copilot_lose_context"),
  /** What is known of a sandbox. */
  note: rpc("copilot_note_sandbox"),
  mark: rpc("copilot_terminate_contexts"),
  confirm: rpc("copilot_confirm_sandbox_killed"),
  /** Of those who look whether all is well. */
  health: rpc("copilot_health"),
  /** In the ledger. */
  start: rpc("copilot_start_execution"),
  finish: rpc("copilot_finish_execution"),
  /** Of an idempotency key. */
  claimKey: rpc("copilot_claim_execution"),
  keepKey: rpc("copilot_keep_execution"),
  releaseKey: rpc("copilot_release_execution"),
  send: rpc("copilot_send_execution"),
  /** Of stops by name: the question of who runs. */
  stopped: rpc("copilot_stopped_executions"),
  keepAnswer: rpc("copilot_answer_execution"),
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
