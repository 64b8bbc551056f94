/** "Change the template", and "Look at what there is" on the way. */
import assert from "node:assert/strict";
import { invoke, newPath, service, stop } from "../support/clients.ts";
import { stream } from "../support/event_stream.ts";
import { quick } from "../support/faulty_stack.ts";
import { alive } from "../support/provider.ts";
import { endsNoted, eventually, sweepNow } from "../support/settle.ts";
import { deploy } from "./deployment.ts";
import { codeUnder } from "./document.ts";
import { startProject } from "./project.ts";

Deno.test("Change the template", async () => {
  await using project = await startProject();
  const { sql } = project;
  const team = await project.team();
  const [used, busy] = [newPath(), newPath()].map((path) => ({ ...path, tenant_id: "acme" }));
  {
    await using before = await deploy(project.database, team);
    for (const path of [used, busy]) await invoke(service(before), "acquire-context", path);
  }
  await using after = await deploy(project.database, team, { env: { SANDBOX_TEMPLATE: "my-template" } });
  const backend = service(after);
  // Contexts keep the sandbox that they have.
  assert.equal((await invoke(backend, "acquire-context", used)).was_created, false);
  const running = await stream(backend, { ...busy, ...quick, code: "console.log(1); await new Promise(() => {})" });
  await running.until("stdout");
  const [look] = await codeUnder("Look at what there is", "sql");
  await eventually("it runs", async () => (await sql.unsafe(look)).some((row) => row.running_since !== null));

  const [which, endOld] = await codeUnder("Change the template", "sql");
  assert.deepEqual([...await sql.unsafe(which)], [{
    template: "code-interpreter-v1",
    sandbox_status: "ready",
    count: "2",
  }]);
  assert.deepEqual([...await sql.unsafe(endOld)], [{ count: "1" }], "not where code runs");
  await stop(backend, busy);
  assert.equal((await running.rest()).at(-1)?.data.status, "cancelled");
  await endsNoted(sql, busy);
  assert.deepEqual([...await sql.unsafe(endOld)], [{ count: "1" }]);
  assert.deepEqual([...await sql.unsafe(endOld)], [{ count: "0" }]);
  assert.deepEqual((await sql.unsafe(look)).map((row) => row.kill_owed_since !== null), [true, true]);

  const renewed = await invoke(backend, "acquire-context", used);
  assert.deepEqual([renewed.was_created, renewed.previous?.termination_reason], [true, "terminated"]);
  assert.deepEqual([...await sql.unsafe(which)], [{ template: "my-template", sandbox_status: "ready", count: "1" }]);
  assert.deepEqual([...await sql.unsafe(endOld)], [{ count: "0" }]);
  await sweepNow(after, sql);
  assert.deepEqual(alive(team).map((sandbox) => sandbox.templateId), ["my-template"]);
});
