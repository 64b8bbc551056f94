/** The whole stack: Postgres, PostgREST, Auth, the functions, an E2B-compatible server, and a gateway before them. */

import type { App } from "./app.ts";
import { type Auth, createAuth } from "./auth/auth.ts";
import { type Functions, startFunctions } from "./functions/functions.ts";
import { type Plan, PLANS, type WorkerLimits } from "./functions/edge/limits.ts";
import { listFunctions } from "./functions/project.ts";
import type { RuntimeName } from "./functions/runtime.ts";
import { startGateway } from "./gateway.ts";
import type { Kept } from "./kept.ts";
import { API_KEYS } from "./keys.ts";
import { migrate } from "./migrate.ts";
import { createPage } from "./page/page.ts";
import { startPostgres } from "./postgres/postgres.ts";
import { startPostgrest } from "./postgrest.ts";
import { FUNCTIONS } from "./repository.ts";
import { type Sandboxes, sandboxesEnvironment, type SandboxesOptions, startSandboxes } from "./sandboxes.ts";
import { startSchedule } from "./schedule.ts";
import { createTokens } from "./tokens.ts";

export interface StackOptions extends SandboxesOptions {
  /** The gateway's port; 0, the default, takes any free one. */
  readonly port?: number;
  /** How many processes run the functions; default 1. */
  readonly functions?: number;
  /** In what they run; default `deno`: the stack's own. `edge` is like the platform's. */
  readonly runtime?: RuntimeName;
  /** Of the runtime `edge`: a worker's wall clock, of which the functions are told too, unless the app tells them. */
  readonly plan?: Plan;
  /** What the runtime `edge` grants a worker, where that is not what the platform does. */
  readonly limits?: Partial<WorkerLimits>;
  /** Another Postgres, in the place of the stack's own. Its role must be able to become the API's roles. */
  readonly databaseUrl?: string;
  /** Of the role `authenticator` there; without it PostgREST connects by the URL itself. */
  readonly authenticatorPassword?: string;
  /** Another project, in the place of this repository's migrations and functions. */
  readonly app?: App;
  /** Data and keys of an earlier start, which stay for the next one. The caller closes it, after the stack has stopped. */
  readonly kept?: Pick<Kept, "dataDirectory" | "databasePassword" | "signingKey">;
  /** Asks for a sweep every minute, as pg_cron does on Supabase. */
  readonly sweeps?: boolean;
  /** Serves the page. */
  readonly page?: boolean;
  /** More environment for the functions. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where the functions are; default `supabase/functions`. */
  readonly functionsDirectory?: string;
  /** Where the migrations are; default `supabase/migrations`. */
  readonly migrationsDirectory?: string;
  /** Gives up starting, at the next part, and stops what was started. */
  readonly signal?: AbortSignal;
  /** Called with each line that a part prints, behind the part's name. */
  readonly onLog?: (line: string) => void;
}

export interface Stack {
  readonly apiUrl: string;
  readonly databaseUrl: string;
  /** `sb_publishable_…`, the same at each start. */
  readonly publishableKey: string;
  /** `sb_secret_…`, the same at each start. */
  readonly secretKey: string;
  readonly e2b: Sandboxes;
  readonly auth: Auth;
  readonly functions: Functions;
  /** Addresses and keys under the names that `supabase status -o env` gives them. */
  readonly environment: () => Record<string, string>;
  /** Whether the API's address is a page, too. */
  readonly hasPage: boolean;
  /** Leaves no process, port or file. Idempotent. */
  readonly stop: () => Promise<void>;
  /** The same as `stop`, for `await using`. */
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

interface Part {
  readonly stop: () => Promise<void>;
}

/**
 * Starts every part, those that do not wait for each other at the same time.
 * @throws {Deno.errors.AddrInUse} when the port is taken
 * @throws {Error} naming the part that failed, with its last log lines; what was started is stopped then
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const parts = new AsyncDisposableStack();
  try {
    return await startParts(options, parts);
  } catch (error) {
    await parts.disposeAsync();
    throw error;
  }
}

async function startParts(options: StackOptions, parts: AsyncDisposableStack): Promise<Stack> {
  const part = async <T extends Part>(name: string, start: (onLog: (line: string) => void) => Promise<T>) => {
    return await step(`Starting ${name}`, async () => {
      const started = await start((line) => options.onLog?.(`[${name}] ${line}`));
      // Nobody waits for it any more.
      if (parts.disposed) await started.stop();
      else parts.defer(started.stop);
      return started;
    });
  };
  const step = async <T>(what: string, run: () => Promise<T>): Promise<T> => {
    options.signal?.throwIfAborted();
    options.onProgress?.(what);
    try {
      return await orAborted(run(), options.signal);
    } catch (error) {
      throw new Error(`${what} failed: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  };

  const gateway = await startGateway(options.port ?? 0);
  parts.defer(gateway.stop);

  const startDatabase = async () => {
    const { databaseUrl: given, authenticatorPassword } = options;
    if (given !== undefined) {
      return {
        url: given,
        restUrl: authenticatorPassword === undefined ? given : restUrl(given, authenticatorPassword),
      };
    }
    const { url } = await part("Postgres", (onLog) => startPostgres({ onLog, kept: options.kept }));
    const password = crypto.randomUUID();
    return { url, restUrl: restUrl(url, password), password };
  };
  const template = options.env?.SANDBOX_TEMPLATE ?? options.app?.env.SANDBOX_TEMPLATE;
  const templates = [...options.templates ?? [], ...template === undefined ? [] : [template]];
  const [database, e2b, tokens] = await allSettled([
    startDatabase(),
    startSandboxes({ ...options, templates }, part),
    createTokens(options.kept?.signingKey),
  ]);

  const startRest = async () => {
    await step("Applying the migrations", () =>
      migrate(database.url, {
        directory: options.app?.migrationsDirectory ?? options.migrationsDirectory,
        authenticatorPassword: database.password,
        refusesChanged: options.kept !== undefined && options.databaseUrl === undefined,
        onNotice: (line) => isNews(line, options) && options.onLog?.(`[migrations] ${line}`),
      }));
    return await part(
      "PostgREST",
      (onLog) => startPostgrest({ databaseUrl: database.restUrl, jwks: tokens.postgrestJwks, onLog }),
    );
  };
  const groups = options.app?.functions ?? await listFunctions(options.functionsDirectory ?? FUNCTIONS);
  const wallClockSeconds = options.plan && PLANS[options.plan];
  // Of another project's functions it would show nothing but errors.
  const page = options.page && groups.some(({ functions }) => functions.some(({ name }) => name === "execute-code"))
    ? createPage({
      apiUrl: gateway.url,
      publishableKey: API_KEYS.publishable,
      secretKey: API_KEYS.secret,
      databaseUrl: database.url,
      e2b,
    })
    : undefined;
  if (page) parts.defer(page.stop);
  const startFunctionProcesses = () =>
    part("the functions", (log) =>
      startFunctions({
        count: options.functions ?? 1,
        runtime: options.runtime,
        limits: { ...(wallClockSeconds === undefined ? {} : { wallClockSeconds }), ...options.limits },
        groups,
        onLog: (line) => {
          log(line);
          page?.noteLine(line);
        },
        env: {
          ...(wallClockSeconds === undefined ? {} : { WORKER_SECONDS: String(wallClockSeconds) }),
          ...options.app?.env,
          // By this code knows the platform's runtime, which has one for each worker.
          SB_EXECUTION_ID: crypto.randomUUID(),
          SUPABASE_URL: gateway.url,
          SUPABASE_DB_URL: database.url,
          SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: API_KEYS.publishable }),
          // The names of the older keys, whose place these take.
          ...(options.app && { SUPABASE_ANON_KEY: API_KEYS.publishable, SUPABASE_SERVICE_ROLE_KEY: API_KEYS.secret }),
          SUPABASE_SECRET_KEYS: JSON.stringify({ default: API_KEYS.secret }),
          SUPABASE_JWKS: JSON.stringify(tokens.jwks),
          ...sandboxesEnvironment(e2b),
          // The stack's own sandboxes have no others.
          ...(e2b.server === null ? {} : { SANDBOX_LANGUAGES: e2b.server.languages.join() }),
          ...options.env,
        },
      }));
  const [rest, functions, publishable, secret] = await allSettled([
    startRest(),
    startFunctionProcesses(),
    tokens.signRole("anon"),
    tokens.signRole("service_role"),
  ]);
  options.signal?.throwIfAborted();

  const auth = createAuth({ tokens, issuer: `${gateway.url}/auth/v1`, databaseUrl: database.url });
  parts.defer(auth.stop);
  gateway.open({ auth, functions, restUrl: rest.url, keys: API_KEYS, roleTokens: { publishable, secret }, page });
  // Asked of the functions, so it ends before they do.
  if (options.sweeps) {
    const schedule = startSchedule({
      apiUrl: gateway.url,
      onFailure: (line) => options.onLog?.(line),
      onSweep: page?.noteSweep,
    });
    parts.defer(schedule.stop);
  }

  let stopped: Promise<void> | undefined;
  const stop = () => stopped ??= parts.disposeAsync();
  return {
    apiUrl: gateway.url,
    databaseUrl: database.url,
    publishableKey: API_KEYS.publishable,
    secretKey: API_KEYS.secret,
    e2b,
    auth,
    functions,
    hasPage: page !== undefined,
    environment: () => ({
      API_URL: gateway.url,
      REST_URL: `${gateway.url}/rest/v1`,
      FUNCTIONS_URL: `${gateway.url}/functions/v1`,
      JWKS_URL: `${gateway.url}/auth/v1/.well-known/jwks.json`,
      DB_URL: database.url,
      PUBLISHABLE_KEY: API_KEYS.publishable,
      SECRET_KEY: API_KEYS.secret,
      ...sandboxesEnvironment(e2b),
    }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** `Promise.all` would return at the first failure, while the others still start what has to be stopped. */
async function allSettled<T extends readonly unknown[]>(
  values: readonly [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(values);
  return await Promise.all(values);
}

/**
 * Whether what a migration said is worth a line. Notices tell that there was nothing to drop, which is so at each start.
 * That pg_cron is missing is no news of the stack's own Postgres when the stack sweeps in its place.
 */
function isNews(line: string, { sweeps, databaseUrl }: StackOptions): boolean {
  if (line.startsWith("NOTICE")) return false;
  return !(sweeps && databaseUrl === undefined && line.startsWith("WARNING: pg_cron is not available"));
}

/** A database's address for PostgREST, which logs in as Supabase's does. */
function restUrl(url: string, password: string): string {
  return Object.assign(new URL(url), { username: "authenticator", password }).href;
}

/** The same, unless the signal comes first: what is started may never come to its end. */
async function orAborted<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return await work;
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
    work.catch(() => {});
  }
}
