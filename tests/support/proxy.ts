/** A proxy that tests put in front of a service, to hold a request at a step or to let it meet a fault there. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import assert from "node:assert/strict";
import { cancelWith } from "./cancel_with.ts";

export type Fault =
  /** The request waits for `release`, before the service sees it. */
  | { readonly kind: "hold" }
  /** The service serves the request; its answer waits for `release`. */
  | { readonly kind: "hold_answer" }
  /** The service does not see the request; the proxy answers, with `hold` only after `release`. */
  | {
    readonly kind: "answer";
    readonly status: number;
    readonly body?: unknown;
    /** Instead of the body, as it is. */
    readonly text?: string;
    readonly headers?: HeadersInit;
    readonly hold?: boolean;
  }
  /** The request waits, in milliseconds, and goes on. */
  | { readonly kind: "delay"; readonly milliseconds: number }
  /** The connection breaks, before the service sees the request or after it served it. */
  | { readonly kind: "drop"; readonly when: "before" | "after" };

export interface RequestLine {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<IncomingHttpHeaders>;
  /** How the code begins that it sends to a kernel. */
  readonly code?: string;
}

/** How long a test waits for a request to come to a step, in seconds. */
const REACHED_SECONDS = 60;

/** How much of the code a request line has, in characters. */
const CODE_CHARACTERS = 20;

export interface Interception {
  /** Resolves when a request has come to the step. */
  readonly hit: Promise<RequestLine>;
  /** Awaits that, and fails after a minute: a test that waited forever would not say for what. */
  reached(): Promise<RequestLine>;
  /** Lets what is held go on. */
  release(): void;
  /** How many more requests will meet the fault. */
  left(): number;
  /** Of those whose answers are held, how many the service has served. */
  served(): number;
  /** Lets further requests pass. */
  end(): void;
}

export interface Proxy {
  readonly url: string;
  /** The origin of the service behind it. */
  target: string;
  /** Decides for each request that no interception takes whether it meets a fault. */
  mischief: (request: RequestLine) => Fault | undefined;
  /** Every request so far, in order. */
  readonly requests: readonly RequestLine[];
  /** Those whose answers have begun, in that order. */
  readonly answered: readonly RequestLine[];
  /** How many requests, or their answers, are on their way. */
  readonly open: number;
  /** Lets the next `times` requests that match meet the fault. */
  intercept(matches: (request: RequestLine) => boolean, fault: Fault, times?: number): Interception;
  stop(): Promise<void>;
}

interface Plan {
  readonly matches: (request: RequestLine) => boolean;
  readonly fault: Fault;
  readonly hit: (request: RequestLine) => void;
  readonly released: Promise<void>;
  left: number;
  served: number;
}

/** Starts a proxy in front of the service at `target`, an origin; it may be set later. */
export async function startProxy(target = ""): Promise<Proxy> {
  const requests: RequestLine[] = [];
  const answered: RequestLine[] = [];
  let open = 0;
  const plans: Plan[] = [];

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { method = "GET", url: path = "/" } = incoming;
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let line: RequestLine = { method, path, headers: incoming.headers };
    try {
      for await (const chunk of incoming) chunks.push(new Uint8Array(chunk));
      if (path === "/execute") line = { ...line, code: await beginning(chunks) };
    } catch {
      // The caller died while it sent the request: nobody is served.
      return;
    }
    requests.push(line);

    const plan = plans.find((candidate) => candidate.left > 0 && candidate.matches(line));
    if (plan) {
      plan.left--;
      plan.hit(line);
    }
    const fault = plan?.fault ?? proxy.mischief(line);
    if (fault?.kind === "delay") await new Promise((resolve) => setTimeout(resolve, fault.milliseconds));
    if (fault?.kind === "hold") await plan?.released;
    if (fault?.kind === "drop" && fault.when === "before") return void incoming.socket.destroy();
    if (fault?.kind === "answer") {
      if (fault.hold) await plan?.released;
      answered.push(line);
      outgoing.writeHead(fault.status, [...new Headers(fault.headers)].flat());
      return void outgoing.end(
        fault.text ?? JSON.stringify(fault.body ?? { code: fault.status, message: "injected" }),
      );
    }

    const headers = new Headers({ "accept-encoding": "identity" });
    for (const [name, value] of Object.entries(incoming.headers)) {
      if (!["host", "connection", "accept-encoding"].includes(name)) headers.set(name, String(value));
    }
    const gone = new AbortController();
    outgoing.on("close", () => gone.abort());
    try {
      const answer = await fetch(new URL(line.path, proxy.target), {
        method: line.method,
        headers,
        body: chunks.length === 0 ? undefined : new Blob(chunks),
        signal: gone.signal,
      });
      if (plan) plan.served++;
      if (fault?.kind === "hold_answer") await plan?.released;
      if (fault?.kind === "drop") return void incoming.socket.destroy();
      answered.push(line);
      outgoing.writeHead(answer.status, [...answer.headers].flat());
      // Node waits for the first piece of the body otherwise, and a stream may have none for long.
      outgoing.flushHeaders();
      const reader = answer.body?.getReader();
      if (reader) cancelWith(gone.signal, reader);
      for (let piece = await reader?.read(); piece?.value; piece = await reader?.read()) outgoing.write(piece.value);
      outgoing.end();
    } catch {
      // The caller has gone, or the service broke the connection: the other side sees the same.
      incoming.socket.destroy();
    }
  };

  // Idle connections stay: to close one while a request is on its way would be a fault that no test asked for.
  const server = createServer({ keepAliveTimeout: 0 }, async (incoming, outgoing) => {
    open++;
    await serve(incoming, outgoing).finally(() => open--);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address: AddressInfo | string | null = server.address();
  assert(address !== null && typeof address === "object");

  const proxy: Proxy = {
    target,
    mischief: () => undefined,
    url: `http://127.0.0.1:${address.port}`,
    requests,
    answered,
    get open() {
      return open;
    },
    intercept: (matches, fault, times = 1) => {
      const hit = Promise.withResolvers<RequestLine>();
      const released = Promise.withResolvers<void>();
      const plan: Plan = { matches, fault, hit: hit.resolve, released: released.promise, left: times, served: 0 };
      plans.push(plan);
      return {
        hit: hit.promise,
        reached: async () => {
          const late = Promise.withResolvers<never>();
          const giveUp = () => {
            // One that came now would be the next test's.
            plan.left = 0;
            late.reject(new Error(`no request has come to the step within ${REACHED_SECONDS} s`));
          };
          const timer = setTimeout(giveUp, REACHED_SECONDS * 1000);
          return await Promise.race([hit.promise, late.promise]).finally(() => clearTimeout(timer));
        },
        release: released.resolve,
        left: () => plan.left,
        served: () => plan.served,
        end: () => void (plan.left = 0),
      };
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return proxy;
}

async function beginning(chunks: Uint8Array<ArrayBuffer>[]): Promise<string | undefined> {
  const { code } = await new Response(new Blob(chunks)).json();
  return typeof code === "string" ? code.slice(0, CODE_CHARACTERS) : undefined;
}
