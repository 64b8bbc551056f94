/** What the functions log: one line a request, and never a token, a key, a user's code or its output. */
import assert from "node:assert/strict";
import { startStack } from "../local/stack.ts";
import { invoke, newPath, refused, user } from "./support/clients.ts";

Deno.test("one line a request, and nothing secret in any", async () => {
  const lines: string[] = [];
  const stack = await startStack({ onLog: (line) => lines.push(line) });
  try {
    const client = await user(stack);
    const { data: { session } } = await client.auth.getSession();
    assert(session);
    const path = newPath();
    await invoke(client, "execute-code", { ...path, code: "print('output-' + 'marker')  # code-marker" });
    await invoke(client, "execute-code", { ...path, code: "raise ValueError('error-marker')" });
    await refused(client, "execute-code", { ...path, code: "code-marker", timeout_ms: -1 });
    await fetch(`${stack.apiUrl}/functions/v1/execute-code`, {
      method: "POST",
      headers: { authorization: `Bearer ${session.access_token}` },
      body: '{ "code": code-marker',
    }).then((response) => response.body?.cancel());
    await invoke(client, "terminate-context", path);
    await stack.stop();

    const requests = lines.filter((line) => line.includes('"function"'));
    assert.equal(requests.length, 5, lines.join("\n"));
    const all = lines.join("\n");
    const sandboxes = stack.e2b.server?.sandboxes().map((sandbox) => sandbox.sandboxId) ?? [];
    const secrets = [...sandboxes, session.access_token, stack.secretKey, stack.publishableKey, stack.e2b.apiKey];
    for (const secret of [...secrets, "output-marker", "code-marker", "error-marker"]) {
      assert(!all.includes(secret), `the log holds ${secret.slice(0, 12)}…`);
    }
  } finally {
    await stack.stop();
  }
});
