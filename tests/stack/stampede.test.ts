/** What the page's stampede counts. */
import assert from "node:assert/strict";
import { stampede } from "../../local/page/stampede.ts";
import { user } from "../support/clients.ts";
import { at } from "../support/faulty_stack.ts";
import { alive, created } from "../support/provider.ts";
import { startProxy } from "../support/proxy.ts";
import { eventually } from "../support/settle.ts";
import { useStack } from "../support/stack.ts";

const CALLERS = 10;

const local = useStack();

Deno.test("of callers who have all looked before one has made its sandbox, each but one makes one for nothing", async () => {
  const { stack } = local;
  await using parts = new AsyncDisposableStack();
  const proxy = parts.adopt(await startProxy(stack.e2b.url), ({ stop }) => stop());
  const { data } = await (await user(stack)).auth.getSession();
  assert(data.session);
  // Only the sandboxes of the order of calls before are made through the proxy.
  const creations = proxy.intercept(at.create, { kind: "hold" }, CALLERS);
  const result = stampede(
    { ...stack, e2b: { ...stack.e2b, url: proxy.url } },
    CALLERS,
    `Bearer ${data.session.access_token}`,
  );
  await eventually("all callers have looked", () => creations.left() === 0);
  creations.release();
  const callers = Array.from({ length: CALLERS }, () => ({ error: null }));
  assert.deepEqual(await result, {
    ours: { callers, created: 1, killed: 0 },
    before: { callers, created: CALLERS, killed: CALLERS - 1 },
  });
  assert.equal(created(stack).length, 1 + CALLERS);
  await eventually("all of them are gone with the picture", () => alive(stack).length === 0);
});
