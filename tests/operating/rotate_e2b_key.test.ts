/** "Rotate the E2B key": to another one of the same team, to another team with the recipe, and without it. */
import assert from "node:assert/strict";
import { forward } from "../../local/proxy.ts";
import { serve } from "../../local/serve.ts";
import type { Stack } from "../../local/stack.ts";
import { invoke, newPath, refused, service } from "../support/clients.ts";
import { alive } from "../support/provider.ts";
import { eventually, sweepNow } from "../support/settle.ts";
import { quick } from "../support/faulty_stack.ts";
import { deploy } from "./deployment.ts";
import { codeUnder } from "./document.ts";
import { startProject } from "./project.ts";

const tenant_id = "acme";
const acquire = (stack: Stack, path: Record<string, unknown>) =>
  invoke(service(stack), "acquire-context", { ...path, tenant_id });
const execute = (stack: Stack, path: Record<string, unknown>, code: string) =>
  invoke(service(stack), "execute-code", { ...path, ...quick, code, tenant_id });

Deno.test("Rotate the E2B key: another one of the same team", async () => {
  await using project = await startProject();
  const team = await project.team();
  const path = newPath();
  {
    await using before = await deploy(project.database, team);
    await execute(before, path, "globalThis.x = 41");
  }
  // E2B's door, which knows the new key, too.
  await using parts = new AsyncDisposableStack();
  const apiKey = "e2b_00ff";
  const door = parts.adopt(
    await serve({ onError: () => new Response(null, { status: 500 }) }, (request) => {
      const headers = new Headers(request.headers);
      if (headers.get("x-api-key") === apiKey) headers.set("x-api-key", team.apiKey);
      const { pathname, search } = new URL(request.url);
      return forward(request, new URL(pathname + search, team.url), { headers });
    }),
    (server) => server.stop(),
  );
  await using after = await deploy(project.database, { url: `http://127.0.0.1:${door.port}`, apiKey });
  const answer = await execute(after, path, "x + 1");
  assert.deepEqual([answer.was_created, answer.execution.results[0].text], [false, "42"]);
  assert.equal((await invoke(service(after), "terminate-context", { ...path, tenant_id })).terminated, 1);
  assert.deepEqual(alive(team), []);
});

Deno.test("Rotate the E2B key: another team, with the recipe", async () => {
  await using project = await startProject();
  const { sql } = project;
  const [ours, theirs] = [await project.team(), await project.team()];
  const [endAll, over] = await codeUnder("End everything", "sql");
  const [close] = await codeUnder("Close and open", "sql");
  const path = newPath();
  {
    await using before = await deploy(project.database, ours);
    for (const each of [path, newPath(), newPath()]) await acquire(before, each);
    await sql.unsafe(close);
    assert.equal((await refused(service(before), "acquire-context", { ...path, tenant_id })).body.code, "closed");
    assert.deepEqual([...await sql.unsafe(endAll)], [{ count: "3" }]);
    const [{ may_live_until, ...figures }] = await sql.unsafe(over);
    assert.deepEqual(figures, { active: 0, kills_owed: 3 });
    assert(may_live_until > new Date());
    await eventually("it is over", async () => {
      await sweepNow(before, sql);
      const [{ active, kills_owed, may_live_until }] = await sql.unsafe(over);
      return active + kills_owed === 0 && may_live_until === null;
    });
  }
  assert.deepEqual(alive(ours), []);
  await using after = await deploy(project.database, theirs);
  await sql.unsafe(close.replace("true", "false"));
  assert.equal((await acquire(after, path)).previous?.termination_reason, "terminated");
  assert.equal(alive(theirs).length, 1);
});

Deno.test("Rotate the E2B key: another team, without the recipe, costs what the document says", async () => {
  await using project = await startProject();
  const { sql } = project;
  const [ours, theirs] = [await project.team(), await project.team()];
  const [used, ended] = [newPath(), newPath()];
  {
    await using before = await deploy(project.database, ours);
    for (const path of [used, ended]) await acquire(before, path);
  }
  await sql`select public.copilot_terminate_contexts(${tenant_id}, ${ended.conversation_id})`;
  await using after = await deploy(project.database, theirs);
  assert.equal((await acquire(after, used)).previous?.termination_reason, "sandbox_lost");
  await sweepNow(after, sql);
  const [{ kills_owed }] = await sql`select kills_owed from public.copilot_health()`;
  assert.equal(kills_owed, 0);
  assert.equal(alive(ours).length, 2);
});

Deno.test("Rotate the E2B key: one that is deleted too early loses nothing", async () => {
  await using project = await startProject();
  const { sql } = project;
  const team = await project.team();
  const [used, ended] = [newPath(), newPath()];
  {
    await using before = await deploy(project.database, team);
    for (const path of [used, ended]) await acquire(before, path);
  }
  await sql`select public.copilot_terminate_contexts(${tenant_id}, ${ended.conversation_id})`;
  {
    await using without = await deploy(project.database, { ...team, apiKey: "e2b_dead" });
    assert.equal(
      (await refused(service(without), "acquire-context", { ...used, tenant_id })).body.code,
      "misconfigured",
    );
    const { response } = await service(without).functions.invoke("terminate-context", { body: { due: true } });
    assert.equal(response?.status, 500);
    await response?.body?.cancel();
  }
  const [{ kills_owed, swept_at }] = await sql`select kills_owed, swept_at from public.copilot_health()`;
  assert.deepEqual([kills_owed, swept_at], [1, null]);
  await using after = await deploy(project.database, team);
  assert.equal((await acquire(after, used)).was_created, false);
  await sweepNow(after, sql);
  assert.equal(alive(team).length, 1);
});

Deno.test("Kills that E2B will never confirm", async () => {
  await using project = await startProject();
  const { sql } = project;
  await sql`
    insert into copilot_internal.execution_contexts (
      tenant_id, conversation_id, path_id, sandbox_id, sandbox_status, ttl_seconds, activated_at, expires_at,
      terminated_at, termination_reason, may_live_until
    )
    select ${tenant_id}, 'c', path, path, 'terminated', 60, now(), now(), now(), 'expired', until
    from (values ('dead', now() - interval '1 s'), ('may live', now() + interval '1 hour')) as owed (path, until)`;
  const [update] = await codeUnder("Kills that E2B will never confirm", "sql");
  await sql.unsafe(update);
  const rows = await sql`select path_id from copilot_internal.execution_contexts where sandbox_killed_at is null`;
  assert.deepEqual(rows.map((row) => row.path_id), ["may live"]);
});
