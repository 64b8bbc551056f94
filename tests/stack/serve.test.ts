/** The server that the gateway, the functions and the sandboxes are behind: that it notices who leaves. */
import assert from "node:assert/strict";
import { serve, type Server } from "../../local/serve.ts";

const onError = (error: unknown) => new Response(String(error), { status: 500 });

const BODY = "b".repeat(100);
/** In bytes: the ends of buffers lie within the body of some of them. */
const LENGTHS = Array.from({ length: 80 }, (_, index) => 200 + 20 * index);

/** Tells of each request, by its path, when it has come and when its client has gone. */
async function startWatch(): Promise<
  { server: Server; come(path: string): Promise<void>; gone(path: string): Promise<void> }
> {
  const moments = new Map<string, PromiseWithResolvers<void>>();
  const moment = (name: string) => {
    const known = moments.get(name) ?? Promise.withResolvers<void>();
    moments.set(name, known);
    return known;
  };
  const server = await serve({ onError }, async (request) => {
    const { pathname } = new URL(request.url);
    await request.blob();
    if (pathname === "/answered") return new Response("answered");
    const { promise, resolve } = moment(`${pathname} gone`);
    request.signal.addEventListener("abort", () => resolve());
    moment(`${pathname} come`).resolve();
    await promise;
    throw new Error("nobody is there to be told");
  });
  return {
    server,
    come: (path) => moment(`${path} come`).promise,
    gone: (path) => moment(`${path} gone`).promise,
  };
}

/** A request of so many bytes, its head and its body included. */
function message(path: string, length: number): Uint8Array<ArrayBuffer> {
  const head = `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-length: ${BODY.length}\r\npadding: `;
  return new TextEncoder().encode(`${head}${"p".repeat(length - head.length - 4 - BODY.length)}\r\n\r\n${BODY}`);
}

for (const [what, before] of [["first", false], ["second", true]] as const) {
  Deno.test(`a client is missed when it leaves, whatever the length of its ${what} request`, async () => {
    const { server, come, gone } = await startWatch();
    await Promise.all(LENGTHS.map(async (length) => {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
      if (before) {
        await connection.write(message("/answered", 300));
        await connection.read(new Uint8Array(1000));
      }
      await connection.write(message(`/${length}`, length));
      await come(`/${length}`);
      connection.close();
      await gone(`/${length}`);
    }));
    await server.stop();
  });
}

Deno.test("the head of an answer does not wait for its body", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const body = new ReadableStream({
    start: async (controller) => {
      await promise;
      controller.close();
    },
  });
  const server = await serve({ onError }, () => new Response(body, { status: 202 }));
  const response = await fetch(`http://127.0.0.1:${server.port}`);
  assert.equal(response.status, 202);
  resolve();
  assert.equal(await response.text(), "");
  await server.stop();
});

Deno.test("a body that breaks off is not a body that has ended", async () => {
  const body = new ReadableStream({
    pull: (controller) => {
      controller.enqueue(new TextEncoder().encode("half"));
      controller.error(new Error("the other half is lost"));
    },
  }, { highWaterMark: 0 });
  const server = await serve({ onError }, () => new Response(body));
  await assert.rejects(async () => await (await fetch(`http://127.0.0.1:${server.port}`)).text());
  await server.stop();
});

Deno.test("a port that is taken is said to be", async () => {
  const server = await serve({ onError }, () => new Response());
  await assert.rejects(serve({ port: server.port, onError }, () => new Response()), Deno.errors.AddrInUse);
  await server.stop();
});

Deno.test("what is under way when it stops is sent to its end", async () => {
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<Response>();
  const server = await serve({ onError }, () => {
    begun.resolve();
    return finish.promise;
  });
  const answer = fetch(`http://127.0.0.1:${server.port}`);
  await begun.promise;
  const stopped = server.stop(60_000);
  // More than the network takes at once.
  const bytes = 8 * 2 ** 20;
  finish.resolve(new Response(new Uint8Array(bytes)));
  assert.equal((await (await answer).bytes()).length, bytes);
  await stopped;
});

Deno.test("what takes longer than the grace is cut off", async () => {
  const begun = Promise.withResolvers<void>();
  const server = await serve({ onError }, () => {
    begun.resolve();
    return new Promise<Response>(() => {});
  });
  const never = assert.rejects(fetch(`http://127.0.0.1:${server.port}`));
  await begun.promise;
  await server.stop(10);
  await never;
});

Deno.test("who makes an answer is told that nobody reads it", async () => {
  const cancelled = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const server = await serve({ onError }, async (request) => {
    const gone = new Promise<void>((resolve) => request.signal.addEventListener("abort", () => resolve()));
    begun.resolve();
    if (request.method !== "HEAD") await gone;
    return new Response(new ReadableStream({ cancel: () => cancelled.resolve() }));
  });
  const abort = new AbortController();
  const call = assert.rejects(fetch(`http://127.0.0.1:${server.port}`, { signal: abort.signal }));
  await begun.promise;
  abort.abort();
  await call;
  await cancelled.promise;
  assert.equal((await fetch(`http://127.0.0.1:${server.port}`, { method: "HEAD" })).status, 200);
  await server.stop();
});

Deno.test("a request for another server than this one is refused", async () => {
  const server = await serve({ onError }, () => new Response());
  for (
    const [target, host, status] of [["*", "a", 400], ["http://elsewhere.example/", "a", 400], ["/", "a:99999", 500]]
  ) {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    await connection.write(new TextEncoder().encode(`POST ${target} HTTP/1.1\r\nhost: ${host}\r\n\r\n`));
    const answer = new Uint8Array(1000);
    const length = await connection.read(answer);
    assert(new TextDecoder().decode(answer.subarray(0, length ?? 0)).startsWith(`HTTP/1.1 ${status} `));
  }
  await server.stop();
});

Deno.test("a body that is not read to its end does not hold up the connection's next request", async () => {
  const server = await serve({ onError }, async ({ body, method }) => {
    await body?.getReader().read();
    return new Response(method);
  });
  // On one connection: it is read to its end before the next request is sent.
  for (const method of ["POST", "GET", "PUT", "GET"]) {
    const body = method === "GET" ? undefined : new Blob(["b".repeat(2 ** 22)]);
    const signal = AbortSignal.timeout(10_000);
    const response = await fetch(`http://127.0.0.1:${server.port}`, { method, body, signal });
    assert.equal(await response.text(), method);
  }
  await server.stop();
});
