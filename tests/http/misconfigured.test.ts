/** Wrong settings: said plainly, before anything is claimed. */
import assert from "node:assert/strict";
import type { Stack } from "../../local/stack.ts";
import { invoke, newPath, refused, user } from "../support/clients.ts";
import { connect, contexts } from "../support/rows.ts";
import { startStack } from "../support/stack.ts";

async function withStack(env: Record<string, string>, test: (stack: Stack) => Promise<void>): Promise<void> {
  const stack = await startStack({ env });
  try {
    await test(stack);
  } finally {
    await stack.stop();
  }
}

Deno.test("without E2B_API_KEY every function says so, and nothing is claimed", async () => {
  await withStack({ E2B_API_KEY: "" }, async (stack) => {
    const client = await user(stack);
    const path = newPath();
    const bodies = {
      "acquire-context": path,
      "execute-code": { ...path, code: "1" },
      "terminate-context": path,
    } as const;
    for (const name of ["acquire-context", "execute-code", "terminate-context"] as const) {
      const answer = await refused(client, name, bodies[name]);
      assert.equal(answer.status, 500);
      assert.equal(answer.body.code, "misconfigured");
      assert.match(answer.body.message, /E2B_API_KEY is not set/);
      assert.equal(answer.body.retryable, false);
    }
    const sql = connect(stack);
    assert.deepEqual(await contexts(sql, path), []);
    await sql.end();
  });
});

Deno.test("a key that E2B refuses is our misconfiguration, told to all, and the path is free afterwards", async () => {
  await withStack({ E2B_API_KEY: "e2b_0000" }, async (stack) => {
    const client = await user(stack);
    const answer = await refused(client, "acquire-context", newPath());
    assert.equal(answer.status, 500);
    assert.equal(answer.body.code, "misconfigured");
    assert.match(answer.body.message, /E2B_API_KEY/);
    assert(!answer.body.message.includes("e2b_0000"));
  });
});

Deno.test("a database without the migrations is told from one that is down", async () => {
  await withStack({}, async (stack) => {
    const client = await user(stack);
    const sql = connect(stack);
    await sql`drop function public.copilot_claim_context`;
    await sql`notify pgrst, 'reload schema'`;
    // Once PostgREST has read the schema again; until then it serves the old one.
    const answer = await refused(client, "acquire-context", newPath());
    assert.equal(answer.body.code, "misconfigured");
    assert.match(answer.body.message, /copilot_claim_context.*migrations/);
    assert.deepEqual(await invoke(client, "terminate-context", newPath()), { terminated: 0 });
    await sql.end();
  });
});
