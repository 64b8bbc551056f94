/** "Rotate the secret key": the Vault's copy goes with it. */
import assert from "node:assert/strict";
import { deploy } from "./deployment.ts";
import { codeUnder } from "./document.ts";
import { addVault, startProject } from "./project.ts";

Deno.test("Rotate the secret key", async () => {
  await using project = await startProject();
  const { sql } = project;
  const team = await project.team();
  await addVault(sql);
  await using stack = await deploy(project.database, team);
  await sql`select vault.create_secret(${stack.apiUrl}, 'execution_contexts_url')`;
  await sql`select vault.create_secret('sb_secret_old', 'execution_contexts_secret_key')`;
  const sweep = async () => {
    await sql`select copilot_internal.request_sweep()`;
    const [{ url, body, headers }] = await sql`select * from net.requests order by id desc limit 1`;
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    await response.body?.cancel();
    const [{ swept_at }] = await sql`select swept_at from public.copilot_health()`;
    return { status: response.status, isNoted: swept_at !== null };
  };
  assert.deepEqual(await sweep(), { status: 401, isNoted: false });
  const [update] = await codeUnder("Rotate the secret key", "sql", { "sb_secret_…": stack.secretKey });
  await sql.unsafe(update);
  assert.deepEqual(await sweep(), { status: 200, isNoted: true });
});
