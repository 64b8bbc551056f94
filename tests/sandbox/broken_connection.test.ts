/** A kept-alive connection that breaks when it is used again: what may be sent twice is, what must not never is. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { Addresses } from "../../supabase/functions/_shared/sandbox/addresses.ts";
import { LiveSandbox } from "../../supabase/functions/_shared/sandbox/live_sandbox.ts";
import { Sandboxes } from "../../supabase/functions/_shared/sandbox/sandboxes.ts";
import { Trace } from "../../supabase/functions/_shared/trace.ts";

const described = { sandboxID: "a-sandbox", envdVersion: "0.6.4" };
const OF_SANDBOX = JSON.stringify({ ...described, startedAt: new Date(0).toISOString() });

/** Answers on a connection once, and breaks it when it is used again. With `isDown` it breaks all. */
async function startBreaking() {
  const seen: string[] = [];
  const state = { isDown: false };
  const used = new WeakSet<Socket>();
  const server = createServer({ keepAliveTimeout: 0 }, async (request, response) => {
    // Broken in the middle of its body, it would have had no chance to be served.
    for await (const _ of request);
    seen.push(`${request.method} ${request.url}`);
    if (state.isDown || used.has(request.socket)) return void request.socket.destroy();
    used.add(request.socket);
    response.end(request.method === "GET" ? `[${OF_SANDBOX}]` : OF_SANDBOX);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert(address !== null && typeof address === "object");
  return {
    url: `http://127.0.0.1:${address.port}`,
    seen,
    state,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function clientsOf(url: string) {
  const e2b = { apiKey: "e2b_00", apiUrl: url, sandboxUrl: url };
  const sandbox = {
    template: "",
    languages: [],
    internetAccess: false,
    publicTraffic: false,
    probationSeconds: 90,
    createSeconds: 30,
  };
  return {
    sandboxes: new Sandboxes({ e2b, sandbox }, new Trace(new Request("http://localhost"))),
    live: new LiveSandbox(described, new Addresses(e2b)),
  };
}
type Clients = ReturnType<typeof clientsOf>;

const repeated: Record<string, (clients: Clients) => Promise<unknown>> = {
  connect: ({ sandboxes }) => sandboxes.connect("a-sandbox", 60),
  kill: ({ sandboxes }) => sandboxes.kill("a-sandbox"),
  list: ({ sandboxes }) => sandboxes.list(),
};
const once: Record<string, (clients: Clients) => Promise<unknown>> = {
  create: ({ sandboxes }) =>
    sandboxes.create("a-context", { template: "a-template", maySleep: true }, new AbortController().signal),
  execute: ({ live }) => live.execute({ code: "" }, AbortSignal.timeout(60_000)),
};

for (const [name, call] of Object.entries(repeated)) {
  Deno.test(`${name} is sent again, once, and its caller does not notice`, async () => {
    await using server = await startBreaking();
    const clients = clientsOf(server.url);
    await call(clients);
    await call(clients);
    const [first, ...again] = server.seen;
    assert.deepEqual(again, [first, first]);
  });

  Deno.test(`${name} is not sent for ever`, async () => {
    await using server = await startBreaking();
    const clients = clientsOf(server.url);
    server.state.isDown = true;
    await assert.rejects(call(clients), { code: "sandbox_unavailable", retryable: true });
    assert.equal(server.seen.length, 2);
  });
}

for (const [name, call] of Object.entries(once)) {
  Deno.test(`${name} is never sent again`, async () => {
    await using server = await startBreaking();
    const clients = clientsOf(server.url);
    await (await clients.live.listKernels()).body?.cancel();
    const before = server.seen.length;
    await assert.rejects(call(clients));
    assert.equal(server.seen.length - before, 1);
  });
}
