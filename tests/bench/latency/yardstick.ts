/** The least that our order of steps can take: its calls, each sent by a plain `fetch` as soon as the one before has answered. */
import assert from "node:assert/strict";
import { z } from "zod";
import type { Database } from "../../../supabase/functions/_shared/database/types.ts";
import { invoke, newPath } from "../../support/clients.ts";
import { PROGRAM, type Scene } from "./scene.ts";
import type { Stopwatch } from "./stopwatch.ts";
import { ANSWER, FIRST_OUTPUT, type Way } from "./way.ts";

type Functions = Database["public"]["Functions"];

const sandboxSchema = z.object({
  sandboxID: z.string(),
  envdAccessToken: z.string(),
  trafficAccessToken: z.string(),
});
type Sandbox = z.infer<typeof sandboxSchema>;

export const CLAIM_EXECUTE = "claim + execute";
export const CLAIM_CREATE_ACTIVATE = "claim + create + activate";

export async function yardstick(scene: Scene): Promise<Way[]> {
  const { client, userId, path } = scene;
  const sandbox = sandboxSchema.parse(
    await askProvider(scene, `/v2/sandboxes/${scene.sandboxId}/connect`, { timeout: 3600 }),
  );
  const claim = async (claimed: ReturnType<typeof newPath>, execution?: string) => {
    const [row] = await rpc(scene, "copilot_claim_context", {
      p_claim_id: crypto.randomUUID(),
      p_tenant_id: userId,
      p_user_id: userId,
      p_conversation_id: claimed.conversation_id,
      p_path_id: claimed.path_id,
      p_lease_seconds: 60,
      p_default_ttl_seconds: 1800,
      p_tenant_quota: 1_000_000,
      p_conversation_quota: 1_000_000,
      p_creates_per_minute: 1_000_000,
      ...(execution && {
        p_execution_id: execution,
        p_executions_per_minute: 1_000_000,
        p_language: PROGRAM.language,
        p_open_seconds: 200,
        p_hold_seconds: 85,
      }),
    }, z.tuple([z.object({ outcome: z.string(), id: z.uuid() })]));
    return row;
  };
  return [
    {
      name: CLAIM_EXECUTE,
      run: async (watch) => {
        const execution = crypto.randomUUID();
        const { outcome } = await claim(path, execution);
        assert.equal(outcome, "reused");
        await execute(scene, sandbox, watch);
        return () => rpc(scene, "copilot_close_execution", { p_execution_id: execution }, z.boolean());
      },
    },
    {
      name: CLAIM_CREATE_ACTIVATE,
      run: async (watch) => {
        const fresh = newPath();
        const { outcome, id } = await claim(fresh);
        assert.equal(outcome, "claimed");
        const created = sandboxSchema.parse(
          await askProvider(scene, "/v2/sandboxes", {
            templateID: "code-interpreter-v1",
            timeout: 90,
            metadata: { context_id: id },
            network: { allowPublicTraffic: false },
          }),
        );
        await rpc(scene, "copilot_activate_context", {
          p_context_id: id,
          p_sandbox_id: created.sandboxID,
        }, z.array(z.object({ id: z.uuid() })).length(1));
        watch.mark(ANSWER);
        return () => invoke(client, "terminate-context", { conversation_id: fresh.conversation_id });
      },
    },
  ];
}

async function rpc<Name extends keyof Functions, Answer>(
  { database, stack }: Scene,
  name: Name,
  parameters: Functions[Name]["Args"],
  schema: z.ZodType<Answer>,
): Promise<Answer> {
  const response = await fetch(`${database.url}/rest/v1/rpc/${name}`, {
    method: "POST",
    headers: { apikey: stack.secretKey, "content-type": "application/json" },
    body: JSON.stringify(parameters),
  });
  return schema.parse(await response.json());
}

async function askProvider({ proxy, provider }: Scene, path: string, body: object): Promise<unknown> {
  const response = await fetch(`${proxy.url}${path}`, {
    method: "POST",
    headers: { "X-API-KEY": provider.apiKey, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return await response.json();
}

async function execute({ proxy }: Scene, sandbox: Sandbox, watch: Stopwatch): Promise<void> {
  const response = await fetch(`${proxy.url}/execute`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "E2b-Sandbox-Id": sandbox.sandboxID,
      "E2b-Sandbox-Port": "49999",
      "E2B-Traffic-Access-Token": sandbox.trafficAccessToken,
    },
    body: JSON.stringify(PROGRAM),
  });
  assert(response.body);
  let said = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const had = said.includes('"stdout"');
    said += piece;
    if (!had && said.includes('"stdout"')) watch.mark(FIRST_OUTPUT);
  }
  assert(said.includes('"end_of_execution"'));
  watch.mark(ANSWER);
}
