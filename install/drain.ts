/** Ends every context of a deployment, and waits until no sandbox may be alive: over its API, as a service. */
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { Refusal } from "./refusal.ts";

export interface Deployment {
  /** The project's URL. */
  readonly url: string;
  readonly secretKey: string;
  /** What the overview is called there. */
  readonly overview: string;
}

const healthSchema = z.object({
  is_closed: z.boolean(),
  contexts: z.object({ creating: z.number(), awake: z.number(), asleep: z.number() }),
  may_live_until: z.string().nullable(),
});
const tenantsSchema = z.array(z.object({ tenant_id: z.string() }));

/** How long to wait before it is asked again, in milliseconds. */
const PAUSE_MILLISECONDS = 1_000;
/** A claim's lease and a sandbox's probation fit in it, and E2B's answers to many kills. */
const PATIENCE_MILLISECONDS = 5 * 60_000;
const ANSWER_MILLISECONDS = 60_000;

/**
 * Closes the deployment for new contexts, then ends those that there are. Where that fails it is opened again, unless it
 * was closed before.
 *
 * @throws Refusal when it cannot be reached, or sandboxes may be alive after five minutes
 */
export async function drain(deployment: Deployment, onProgress: (message: string) => void): Promise<void> {
  // Before anything is done: whether all that will be asked is there.
  const { is_closed: wasClosed } = await health(deployment);
  await activeTenants(deployment);
  await close(deployment, true);
  onProgress("Closed: no new contexts begin. (select public.copilot_close(false) opens again.)");
  try {
    await endAll(deployment, onProgress);
  } catch (error) {
    if (!wasClosed) await reopen(deployment, error);
    throw error;
  }
  onProgress("No context is active, and no sandbox may be alive.");
}

async function endAll(deployment: Deployment, onProgress: (message: string) => void): Promise<void> {
  const patience = performance.now() + PATIENCE_MILLISECONDS;
  for (;;) {
    const { contexts, may_live_until } = await health(deployment);
    const active = contexts.creating + contexts.awake + contexts.asleep;
    if (active === 0 && may_live_until === null) return;
    const rest = may_live_until === null
      ? ""
      : `; a sandbox may be awake until ${may_live_until}, and then asleep until it is swept`;
    onProgress(`${active} contexts are active${rest}.`);
    if (performance.now() > patience) {
      throw new Refusal([
        `After five minutes ${active} contexts are active${rest}. docs/operating.md, "Kills owed", says what to look at.`,
      ]);
    }
    for (const tenant_id of await activeTenants(deployment)) {
      await ask(deployment, "/functions/v1/terminate-context", z.unknown(), { tenant_id, all: true });
    }
    await ask(deployment, "/functions/v1/terminate-context", z.unknown(), { due: true });
    await pause(PAUSE_MILLISECONDS);
  }
}

async function reopen(deployment: Deployment, cause: unknown): Promise<void> {
  try {
    await close(deployment, false);
  } catch (error) {
    throw new Refusal([
      ...[cause, error].map((thrown) => thrown instanceof Error ? thrown.message : String(thrown)),
      "It is closed for everybody still. To open it: select public.copilot_close(false)",
    ]);
  }
}

async function close(deployment: Deployment, isClosed: boolean): Promise<void> {
  await ask(deployment, "/rest/v1/rpc/copilot_close", z.boolean(), { p_is_closed: isClosed });
}

async function health(deployment: Deployment): Promise<z.infer<typeof healthSchema>> {
  return await ask(deployment, "/functions/v1/terminate-context", healthSchema);
}

/** The tenants that have active contexts; a part of them where there are very many. */
async function activeTenants(deployment: Deployment): Promise<Set<string>> {
  const path = `/rest/v1/${deployment.overview}?select=tenant_id&kill_owed_since=is.null`;
  return new Set((await ask(deployment, path, tenantsSchema)).map(({ tenant_id }) => tenant_id));
}

/** With a body it is a POST. */
async function ask<Answer>(
  { url, secretKey }: Deployment,
  path: string,
  schema: z.ZodType<Answer>,
  body?: object,
): Promise<Answer> {
  const target = new URL(path, url);
  let response: Response;
  try {
    response = await fetch(target, {
      method: body === undefined ? "GET" : "POST",
      headers: { apikey: secretKey, "content-type": "application/json", accept: "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      // The key is for nobody else.
      redirect: "error",
      signal: AbortSignal.timeout(ANSWER_MILLISECONDS),
    });
  } catch (error) {
    throw new Refusal([`${target.origin}: cannot be reached (${error instanceof Error ? error.message : error}).`]);
  }
  const text = await response.text();
  const answer = schema.safeParse(asJson(text));
  // Health is told with a 503 where something is wrong, and then, too, it is the health.
  const isTold = response.ok || (body === undefined && response.status === 503);
  if (isTold && answer.success) return answer.data;
  throw new Refusal([`${target.origin}${target.pathname}: answered ${response.status}: ${text.slice(0, 200)}`]);
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
