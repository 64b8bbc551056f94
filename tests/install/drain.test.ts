/** Ending everything of a deployment that answers as it is told to. */
import assert from "node:assert/strict";
import { drain } from "../../install/drain.ts";

/** Notes what it is asked; `terminate` answers POSTs of terminate-context. */
function deployment(wasClosed: boolean, terminate: () => Response) {
  const closed: boolean[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname } = new URL(request.url);
    if (request.headers.get("apikey") !== "sb_secret_x") return new Response(null, { status: 401 });
    if (pathname === "/rest/v1/rpc/copilot_close") {
      const { p_is_closed } = await request.json();
      closed.push(p_is_closed);
      return Response.json(p_is_closed);
    }
    if (pathname === "/rest/v1/view_overview") return Response.json([{ tenant_id: "t" }]);
    if (request.method === "POST") return terminate();
    const health = { is_closed: wasClosed, contexts: { creating: 0, awake: 1, asleep: 0 }, may_live_until: null };
    return Response.json(health, { status: 503 });
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  return { closed, server, target: { url, secretKey: "sb_secret_x", overview: "view_overview" } };
}

for (const wasClosed of [false, true]) {
  Deno.test(`where it fails, it is ${wasClosed ? "closed, as it was" : "opened again"}`, async () => {
    const { closed, server, target } = deployment(
      wasClosed,
      () => Response.json({ code: "internal" }, { status: 500 }),
    );
    try {
      await assert.rejects(drain(target, () => {}), /terminate-context: answered 500/);
      assert.deepEqual(closed, wasClosed ? [true] : [true, false]);
    } finally {
      await server.shutdown();
    }
  });
}

Deno.test("the key goes to nobody else", async () => {
  const asked: string[] = [];
  await using other = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    asked.push(request.url);
    return new Response();
  });
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => Response.redirect(`http://127.0.0.1:${other.addr.port}/`, 307),
  );
  const url = `http://127.0.0.1:${server.addr.port}`;
  await assert.rejects(
    drain({ url, secretKey: "sb_secret_x", overview: "view_overview" }, () => {}),
    /cannot be reached/,
  );
  assert.deepEqual(asked, []);
});
