/** The settings, read from the environment here and nowhere else. `.env.example` lists them. */
import * as z from "zod/mini";
import { type Language, languageSchema } from "./contract/execute_code.ts";
import { LONGEST_TTL_SECONDS } from "./contract/path.ts";
import { ContextError } from "./errors.ts";
import "./messages.ts";

const whole = (otherwise: number, least: number, most: number) =>
  z._default(z.pipe(z.coerce.number(), z.int().check(z.minimum(least), z.maximum(most))), otherwise);
const seconds = (otherwise: number, most: number) => whole(otherwise, 1, most);
const count = (otherwise: number) => whole(otherwise, 1, 1_000_000);
const flag = z.pipe(z._default(z.enum(["true", "false"]), "false"), z.transform((text) => text === "true"));

/** The platform answers 504 in our place when an answer has not begun by then, in seconds. */
const IDLE_SECONDS = 150;
/**
 * A worker gets no more requests after this part of its wall clock, and is told to hand on what it has (worker.ts) after
 * the other. The last request that it gets must come to its end by then.
 */
const RETIRED = 0.5;
const TOLD = 0.9;
/** What is left of a request's time for saying how it ended. */
const ANSWER_SECONDS = 5;
/** The longest that a run which is cut off may take to free its kernel (executions/interruption.ts), rounded up. */
const INTERRUPTION_SECONDS = 20;
/** What an execution's time limit leaves of a request's time: for that, and for getting its sandbox. */
const EXECUTION_MARGIN_SECONDS = INTERRUPTION_SECONDS + 5;
/** The most that follows a run in its sandbox: its interruption (executions/interruption.ts), then its files' way out. */
const AFTER_RUN_SECONDS = 30;

const settings = z.object({
  E2B_API_KEY: z.string(),
  E2B_API_URL: z.optional(z.url()),
  E2B_SANDBOX_URL: z.optional(z.url()),
  E2B_DOMAIN: z.optional(z.string()),
  SANDBOX_TEMPLATE: z._default(z.string(), "code-interpreter-v1"),
  SANDBOX_LANGUAGES: z.pipe(
    z.pipe(z._default(z.string(), languageSchema.options.join(",")), z.transform(split)),
    z.array(languageSchema).check(z.minLength(1)),
  ),
  SANDBOX_INTERNET_ACCESS: flag,
  SANDBOX_PUBLIC_TRAFFIC: flag,
  SANDBOX_PROBATION_SECONDS: seconds(90, 300),
  CONTEXT_TTL_SECONDS: seconds(1800, LONGEST_TTL_SECONDS),
  CONTEXT_MAX_TTL_SECONDS: seconds(3600, LONGEST_TTL_SECONDS),
  CONTEXT_LEASE_SECONDS: seconds(60, 120),
  CONTEXT_KEEP_SECONDS: whole(7 * 24 * 60 * 60, 0, 366 * 24 * 60 * 60),
  TENANT_QUOTA: count(10),
  CONVERSATION_QUOTA: count(5),
  TENANT_SLEEPING_QUOTA: count(100),
  TENANT_CREATES_PER_MINUTE: count(60),
  TENANT_EXECUTIONS_PER_MINUTE: count(600),
  WORKER_SECONDS: whole(150, 100, 400),
  // On the free plan this leaves 20 s for getting the sandbox: its kernels' server may be starting for 15 of them.
  EXECUTION_TIMEOUT_SECONDS: seconds(30, 400),
  EXECUTION_MAX_TIMEOUT_SECONDS: seconds(300, 400),
  EXECUTION_LEASE_SECONDS: seconds(30, 120),
  OUTPUT_LIMIT_BYTES: whole(10_000_000, 100_000, 100_000_000),
});

const schema = settings.check(z.superRefine((env, issues) => {
  // A sandbox lives no longer than this from its acquisition on, be it in the middle of a run. Streams may run longest.
  const least = limits(grantedSeconds(env.WORKER_SECONDS), env).maxTimeoutSeconds + AFTER_RUN_SECONDS;
  if (env.CONTEXT_MAX_TTL_SECONDS < least) {
    const message = `must be at least ${least}: a run may take that long, with what follows it`;
    issues.addIssue({ code: "custom", path: ["CONTEXT_MAX_TTL_SECONDS"], message });
  }
}));

function split(list: string): string[] {
  return list.split(",").map((name) => name.trim());
}

/** All times are in seconds. */
export interface Config {
  readonly e2b: {
    readonly apiKey: string;
    readonly apiUrl?: string;
    readonly sandboxUrl?: string;
    readonly domain?: string;
  };
  readonly sandbox: {
    readonly template: string;
    readonly languages: readonly Language[];
    readonly internetAccess: boolean;
    readonly publicTraffic: boolean;
    /** How long a sandbox may live before its context is committed. */
    readonly probationSeconds: number;
    /** How long creating a sandbox may take: half a lease, so that the other half is left for the rest. */
    readonly createSeconds: number;
  };
  readonly context: {
    readonly ttlSeconds: number;
    readonly maxTtlSeconds: number;
    readonly leaseSeconds: number;
    /** How long a new context may sleep. 0: it ends when it has been idle as long as it may. */
    readonly keepSeconds: number;
    /** How long a caller waits for a path that somebody else is creating: a lease and what fail-over takes. */
    readonly waitSeconds: number;
    /** The most sandboxes that may be awake, of a tenant and of one of its conversations. */
    readonly tenantQuota: number;
    readonly conversationQuota: number;
    /** The most contexts that a tenant keeps asleep. */
    readonly sleepingQuota: number;
    /** How many sandboxes a tenant may have made in a minute. */
    readonly createsPerMinute: number;
  };
  readonly execution: {
    /** How long the claim on an idempotency key outlives its process. */
    readonly leaseSeconds: number;
    /** How many a tenant may ask for in a minute. */
    readonly perMinute: number;
    /** Most that is read of what one says, in bytes. */
    readonly outputBytes: number;
  };
  /** Of requests that are answered at once, and of those that are answered by a stream. */
  readonly answer: Limits;
  readonly stream: Limits;
}

/** All times are in seconds. */
export interface Limits {
  /** How long a request may take. */
  readonly requestSeconds: number;
  /** The time limit of an execution that does not say, and the most that one may say. */
  readonly timeoutSeconds: number;
  readonly maxTimeoutSeconds: number;
}

/**
 * Reads the settings.
 *
 * @throws ContextError `misconfigured`, naming every variable that is missing or wrong.
 */
export function readConfig(environment: Record<string, string> = Deno.env.toObject()): Config {
  // `supabase secrets set NAME=` leaves an empty text behind: that is "not set", not a value.
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const parsed = schema.safeParse(set);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => {
      const name = String(issue.path[0]);
      return name in set ? `${name} is not valid (${issue.message})` : `${name} is not set`;
    });
    throw new ContextError("misconfigured", `The functions' settings are incomplete: ${problems.join("; ")}.`);
  }
  const env = parsed.data;
  const granted = grantedSeconds(env.WORKER_SECONDS);
  return {
    e2b: {
      apiKey: env.E2B_API_KEY,
      apiUrl: env.E2B_API_URL,
      sandboxUrl: env.E2B_SANDBOX_URL,
      domain: env.E2B_DOMAIN,
    },
    sandbox: {
      template: env.SANDBOX_TEMPLATE,
      languages: env.SANDBOX_LANGUAGES,
      internetAccess: env.SANDBOX_INTERNET_ACCESS,
      publicTraffic: env.SANDBOX_PUBLIC_TRAFFIC,
      probationSeconds: env.SANDBOX_PROBATION_SECONDS,
      createSeconds: env.CONTEXT_LEASE_SECONDS / 2,
    },
    context: {
      ttlSeconds: env.CONTEXT_TTL_SECONDS,
      maxTtlSeconds: Math.max(env.CONTEXT_MAX_TTL_SECONDS, env.CONTEXT_TTL_SECONDS),
      leaseSeconds: env.CONTEXT_LEASE_SECONDS,
      keepSeconds: env.CONTEXT_KEEP_SECONDS,
      waitSeconds: env.CONTEXT_LEASE_SECONDS + 10,
      tenantQuota: env.TENANT_QUOTA,
      conversationQuota: env.CONVERSATION_QUOTA,
      sleepingQuota: env.TENANT_SLEEPING_QUOTA,
      createsPerMinute: env.TENANT_CREATES_PER_MINUTE,
    },
    execution: {
      leaseSeconds: env.EXECUTION_LEASE_SECONDS,
      perMinute: env.TENANT_EXECUTIONS_PER_MINUTE,
      outputBytes: env.OUTPUT_LIMIT_BYTES,
    },
    answer: limits(Math.min(granted, IDLE_SECONDS - ANSWER_SECONDS), env),
    // A stream begins to answer at once: it may use all that the plan grants.
    stream: limits(granted, env),
  };
}

/**
 * How long a request may take, in seconds, that comes in the last moment in which its worker gets any: it is answered
 * before the worker ends, and its run's time is over before the worker is told to cut off what runs.
 *
 * The worker's age is not asked for, though `performance.now()` is that on the platform (its runtime starts the clock
 * with the worker): a plan that grants more than WORKER_SECONDS says would get nothing done in the second half, and
 * where processes live for ever, every old one. What comes too late all the same is told by the worker's end itself.
 */
function grantedSeconds(workerSeconds: number): number {
  const [retired, told] = [RETIRED * workerSeconds, TOLD * workerSeconds];
  return Math.floor(Math.min(workerSeconds - retired - ANSWER_SECONDS, told - retired + INTERRUPTION_SECONDS));
}

function limits(requestSeconds: number, env: z.infer<typeof settings>): Limits {
  const maxTimeoutSeconds = Math.min(env.EXECUTION_MAX_TIMEOUT_SECONDS, requestSeconds - EXECUTION_MARGIN_SECONDS);
  return {
    requestSeconds,
    maxTimeoutSeconds,
    timeoutSeconds: Math.min(env.EXECUTION_TIMEOUT_SECONDS, maxTimeoutSeconds),
  };
}
