/** Ends every context of a deployment, and waits until no sandbox is owed: over its API, as a service. */
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
  contexts: z.object({ creating: z.number(), ready: z.number() }),
  kills_owed: z.object({ count: z.number() }),
  may_live_until: z.iso.datetime({ offset: true }).nullable(),
});
const tenantsSchema = z.array(z.object({ tenant_id: z.string() }));

/** How long to wait before it is asked again, in milliseconds. */
const PAUSE_MILLISECONDS = 1_000;
/** A claim's lease, and E2B's answer to a kill, fit in it several times. */
const PATIENCE_MILLISECONDS = 5 * 60_000;

/**
 * Closes the deployment for new contexts, then ends those that there are.
 *
 * @throws Refusal when it cannot be reached, or sandboxes are owed after five minutes
 */
export async function drain(deployment: Deployment, onProgress: (message: string) => void): Promise<void> {
  await ask(deployment, "/rest/v1/rpc/copilot_close", { p_is_closed: true });
  onProgress("Closed: no new contexts begin.");
  const until = performance.now() + PATIENCE_MILLISECONDS;
  for (;;) {
    const health = healthSchema.parse(await ask(deployment, "/functions/v1/terminate-context"));
    const active = health.contexts.creating + health.contexts.ready;
    if (active + health.kills_owed.count === 0 && health.may_live_until === null) break;
    const rest = health.may_live_until === null ? "" : `, and a sandbox may be alive until ${health.may_live_until}`;
    onProgress(`${active} contexts are active, ${health.kills_owed.count} kills are owed${rest}.`);
    if (performance.now() > until) {
      throw new Refusal(["Sandboxes are still owed after five minutes. Nothing was removed."]);
    }
    const rows = tenantsSchema.parse(
      await ask(deployment, `/rest/v1/${deployment.overview}?select=tenant_id&kill_owed_since=is.null`),
    );
    for (const tenant_id of new Set(rows.map((row) => row.tenant_id))) {
      await ask(deployment, "/functions/v1/terminate-context", { tenant_id, all: true });
    }
    await ask(deployment, "/functions/v1/terminate-context", { due: true });
    await pause(PAUSE_MILLISECONDS);
  }
  onProgress("No context is active, no kill is owed.");
}

/** With a body it is a POST. */
async function ask({ url, secretKey }: Deployment, path: string, body?: object): Promise<unknown> {
  const target = new URL(path, url);
  let response: Response;
  try {
    response = await fetch(target, {
      method: body === undefined ? "GET" : "POST",
      headers: { apikey: secretKey, "content-type": "application/json", accept: "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    throw new Refusal([`${target.origin}: cannot be reached (${error instanceof Error ? error.message : error}).`]);
  }
  const text = await response.text();
  // Health is told with 503 where something is wrong, which owed kills may be.
  const isTold = response.ok || (body === undefined && response.status === 503);
  if (!isTold) throw new Refusal([`${path}: answered ${response.status}: ${text.slice(0, 200)}`]);
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    throw new Refusal([`${path}: answered what is no JSON.`]);
  }
}
