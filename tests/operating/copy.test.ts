/** "Restore a backup beside the original": what a copy does without the recipe, and with it. */
import assert from "node:assert/strict";
import postgres from "postgres";
import type { Stack } from "../../local/stack.ts";
import { invoke, newPath, refused, service } from "../support/clients.ts";
import { connection } from "../support/database.ts";
import { alive } from "../support/provider.ts";
import { sweepNow } from "../support/settle.ts";
import { deploy } from "./deployment.ts";
import { codeUnder } from "./document.ts";
import { addVault, type Project, startProject } from "./project.ts";

const path = { ...newPath(), tenant_id: "acme" };
const acquire = (stack: Stack) => invoke(service(stack), "acquire-context", path);

/** A copy of the whole database, as a backup has it. Nobody may be connected to the original meanwhile. */
async function copyOf({ database, sql }: Project, parts: AsyncDisposableStack) {
  const original = new URL(database.url).pathname.slice(1);
  const copy = `${original}_copy`;
  const admin = connection(
    parts,
    postgres(Object.assign(new URL(database.url), { pathname: "/postgres" }).href, { max: 1 }),
  );
  await sql.end();
  await admin`
    select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = ${original}`;
  await admin.unsafe(`create database ${copy} template ${original}`);
  parts.defer(async () => void await admin.unsafe(`drop database ${copy} with (force)`));
  const url = Object.assign(new URL(database.url), { pathname: `/${copy}` }).href;
  const copied = connection(parts, postgres(url, { max: 1, onnotice: () => {} }));
  return { database: { ...database, url }, sql: copied };
}

Deno.test("Restore a backup beside the original: without the recipe the copy kills what the original uses", async () => {
  await using project = await startProject();
  await using parts = new AsyncDisposableStack();
  const team = await project.team();
  await (await deploy(project.database, team)).stop();
  {
    await using original = await deploy(project.database, team);
    await acquire(original);
  }
  const copy = await copyOf(project, parts);
  await using restored = await deploy(copy.database, team);
  await copy
    .sql`update copilot_internal.execution_contexts set expires_at = clock_timestamp() - make_interval(secs => keep_seconds)`;
  await sweepNow(restored, copy.sql);
  assert.deepEqual(alive(team), []);
});

Deno.test("Restore a backup beside the original: with it neither touches what is the other's, even with one key", async () => {
  await using project = await startProject();
  await using parts = new AsyncDisposableStack();
  const team = await project.team();
  await addVault(project.sql);
  await project.sql`select vault.create_secret('https://original.example', 'execution_contexts_url')`;
  await project.sql`select vault.create_secret('sb_secret_original', 'execution_contexts_secret_key')`;
  {
    await using original = await deploy(project.database, team);
    await acquire(original);
    // One whose kill the original owes.
    await invoke(service(original), "acquire-context", { ...path, path_id: "owed" });
    await project.sql`select public.copilot_terminate_contexts('acme', ${path.conversation_id}, 'owed')`;
  }
  const copy = await copyOf(project, parts);
  for (const block of await codeUnder("Restore a backup beside the original", "sql")) {
    await copy.sql.unsafe(block).simple();
  }
  const [{ asked }] = await copy.sql`select copilot_internal.request_sweep() as asked`;
  assert.equal(asked, null, "its schedule asks nobody");

  await using restored = await deploy(copy.database, team);
  assert.equal((await refused(service(restored), "acquire-context", path)).body.code, "closed");
  await sweepNow(restored, copy.sql);
  assert.equal(alive(team).length, 2);
  await copy.sql`select public.copilot_close(false)`;
  const answer = await acquire(restored);
  assert.deepEqual([answer.was_created, answer.previous], [true, null]);
  await sweepNow(restored, copy.sql);
  assert.equal(alive(team).length, 3);

  await using original = await deploy(project.database, team);
  assert.equal((await acquire(original)).was_created, false);
});
