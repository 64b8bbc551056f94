/** What our client sends is what E2B's SDKs send: an SDK that speaks otherwise fails here, and says what has changed. */
import { Sandbox, type SandboxListOpts } from "@e2b/code-interpreter";
import assert from "node:assert/strict";
import { Addresses } from "../../supabase/functions/_shared/sandbox/addresses.ts";
import { run } from "../../supabase/functions/_shared/sandbox/kernel.ts";
import { LiveSandbox } from "../../supabase/functions/_shared/sandbox/live_sandbox.ts";
import { Sandboxes } from "../../supabase/functions/_shared/sandbox/sandboxes.ts";
import { Trace } from "../../supabase/functions/_shared/trace.ts";
import { type Recorded, startRecorder } from "../support/recorder.ts";

const API_KEY = "e2b_0123456789abcdef";
const SANDBOX_ID = "i1a2b3c4";
const described = {
  sandboxID: SANDBOX_ID,
  templateID: "a-template",
  clientID: "a-client",
  envdVersion: "0.6.4",
  envdAccessToken: "an-envd-token",
  trafficAccessToken: "a-traffic-token",
  domain: null,
};

/** Of no meaning to the receiver: how the message travels, and who says that they have sent it. */
const OF_THE_WAY = [
  "accept",
  "accept-encoding",
  "accept-language",
  "connection",
  "content-length",
  "host",
  "transfer-encoding",
  "user-agent",
];
/** What the SDK tells E2B's statistics of itself (its `api/metadata`); E2B's backend does nothing else with it. */
const OF_STATISTICS = ["browser", "lang", "lang_version", "package_version", "publisher", "sdk_runtime", "system"];

/** The servers that both clients speak to: E2B, and all of its sandboxes. */
function startServers(envdVersion = described.envdVersion) {
  return startRecorder((method, path) => {
    if (path.endsWith("/connect")) return Response.json({ ...described, envdVersion });
    if (path.startsWith("/v2/sandboxes") && method === "POST") return Response.json(described, { status: 201 });
    if (path.startsWith("/v2/sandboxes")) return Response.json([]);
    if (method === "DELETE") return new Response(null, { status: 204 });
    if (path === "/execute") return new Response('{"type": "end_of_execution"}\n');
    if (path === "/files" && method === "GET") return new Response("content");
    if (path === "/files") return Response.json([{ name: "a", path: "/home/user/a", type: "file" }]);
    return Response.json([]);
  });
}

/** Both clients of these servers. */
function clientsOf(url: string, envdVersion = described.envdVersion) {
  const options = { apiKey: API_KEY, apiUrl: url, sandboxUrl: url, retries: 0, requestTimeoutMs: 10_000 };
  const e2b = { apiKey: API_KEY, apiUrl: url, sandboxUrl: url };
  const settings = {
    template: "",
    languages: [],
    internetAccess: true,
    publicTraffic: false,
    probationSeconds: 90,
    createSeconds: 30,
  };
  return {
    options,
    sdk: () => Sandbox.connect(SANDBOX_ID, options),
    sandboxes: new Sandboxes({ e2b, sandbox: settings }, new Trace(new Request("http://localhost"))),
    live: new LiveSandbox({ ...described, envdVersion }, new Addresses(e2b)),
  };
}
type Clients = ReturnType<typeof clientsOf>;

interface Case {
  readonly envdVersion?: string;
  readonly sdk: (sandbox: Sandbox, options: Clients["options"]) => Promise<unknown>;
  readonly ours: (clients: Clients) => Promise<unknown>;
  /** What only we send. */
  readonly more?: readonly string[];
}

/** What of E2B's list is asked for. */
const OURS: SandboxListOpts = {
  query: { metadata: { made_by: "execution-contexts" }, state: ["running", "paused"] },
  order: "asc",
  limit: 100,
};
const signal = AbortSignal.timeout(60_000);
const files = [{ path: "/home/user/a b.txt", text: "first" }, { path: "/home/user/sub/ü", text: "second" }];
const ignore = async () => {};
const metadata = { made_by: "execution-contexts", context_id: "a-context" };

const cases: Record<string, Case> = {
  "create": {
    sdk: (_, options) =>
      Sandbox.create("a-template", {
        ...options,
        timeoutMs: 90_000,
        metadata,
        allowInternetAccess: true,
        network: { allowPublicTraffic: false },
        lifecycle: { onTimeout: "pause" },
      }),
    ours: ({ sandboxes }) =>
      sandboxes.create("a-context", { template: "a-template", maySleep: true }, new AbortController().signal),
  },
  "create, with the hosts that code may reach": {
    sdk: (_, options) =>
      Sandbox.create("a-template", {
        ...options,
        timeoutMs: 90_000,
        metadata,
        allowInternetAccess: false,
        network: { allowPublicTraffic: false, allowOut: ["pypi.org"], denyOut: ["0.0.0.0/0"] },
        lifecycle: { onTimeout: "pause" },
      }),
    ours: ({ sandboxes }) =>
      sandboxes.create(
        "a-context",
        { template: "a-template", allowedHosts: ["pypi.org"], maySleep: true },
        new AbortController().signal,
      ),
  },
  "connect": {
    sdk: (_, options) => Sandbox.connect(SANDBOX_ID, { ...options, timeoutMs: 1_800_000 }),
    ours: ({ sandboxes }) => sandboxes.connect(SANDBOX_ID, 1800),
  },
  "kill": {
    sdk: (_, options) => Sandbox.kill(SANDBOX_ID, options),
    ours: ({ sandboxes }) => sandboxes.kill(SANDBOX_ID),
  },
  "an id that is no word of a path": {
    sdk: (_, options) => Sandbox.kill("a/b ?ü", options),
    ours: ({ sandboxes }) => sandboxes.kill("a/b ?ü"),
  },
  "list, from the first page": {
    sdk: (_, options) => Sandbox.list({ ...options, ...OURS }).nextItems(),
    ours: ({ sandboxes }) => sandboxes.list(),
  },
  "list, from another page": {
    sdk: (_, options) => Sandbox.list({ ...options, ...OURS, nextToken: "a+/= &b" }).nextItems(),
    ours: ({ sandboxes }) => sandboxes.list("a+/= &b"),
  },
  "run code": {
    sdk: (sandbox) => sandbox.runCode("x = 'ü'", { language: "python" }),
    ours: ({ live }) => run(live, { code: "x = 'ü'", language: "python" }, signal, ignore, { most: Infinity }),
  },
  "run code with an environment": {
    sdk: (sandbox) => sandbox.runCode("x = 1", { language: "python", envs: { NAME: "value" } }),
    ours: ({ live }) =>
      run(live, { code: "x = 1", language: "python", envs: { NAME: "value" } }, signal, ignore, { most: Infinity }),
  },
  "list kernels": {
    sdk: (sandbox) => sandbox.listCodeContexts(),
    ours: async ({ live }) => await (await live.listKernels()).body?.cancel(),
    // E2B's template may come to want it of whoever speaks to its kernels, as it does of those who run code.
    more: ["x-access-token"],
  },
  "restart a kernel": {
    sdk: (sandbox) => sandbox.restartCodeContext("a-kernel"),
    ours: async ({ live }) => await (await live.restartKernel("a-kernel")).body?.cancel(),
    more: ["x-access-token"],
  },
  "put files": {
    sdk: (sandbox) => sandbox.files.write(files.map(({ path, text }) => ({ path, data: text }))),
    ours: ({ live }) => putFiles(live),
  },
  "put files, where the sandbox is an old one": {
    envdVersion: "0.3.9",
    sdk: (sandbox) => sandbox.files.write(files.map(({ path, text }) => ({ path, data: text }))),
    ours: ({ live }) => putFiles(live),
  },
  "take a file": {
    sdk: (sandbox) => sandbox.files.read("/home/user/sub/ü +&.txt", { format: "bytes" }),
    ours: async ({ live }) => await (await live.readFile("/home/user/sub/ü +&.txt", signal)).body?.cancel(),
  },
};

async function putFiles(live: LiveSandbox): Promise<void> {
  const answer = await live.writeFiles(files.map(({ path, text }) => ({ path, content: new Blob([text]) })), signal);
  await answer.body?.cancel();
}

for (const [name, { sdk, ours, envdVersion, more = [] }] of Object.entries(cases)) {
  Deno.test(`as the SDK says it: ${name}`, async () => {
    await using servers = startServers(envdVersion);
    const clients = clientsOf(servers.url, envdVersion);
    const sandbox = await clients.sdk();
    servers.take();
    await sdk(sandbox, clients.options);
    const [theirs] = servers.take();
    await ours(clients);
    const said = servers.take();
    assert.equal(said.length, 1);
    const [mine] = said;
    assert.deepEqual(meant(mine, more), meant(theirs));
    for (const header of more) assert(mine.headers[header], header);
  });
}

/** A request without what is of no meaning, and without `more`. */
function meant({ headers, ...request }: Recorded, more: readonly string[] = []) {
  const without = new Set([...OF_THE_WAY, ...OF_STATISTICS, ...more]);
  const kept = Object.entries(headers).filter(([name]) => !without.has(name)).map(([name, value]) => [
    name,
    // A form's boundary is another one each time.
    name === "content-type" ? value.split(";")[0] : value,
  ]);
  return { ...request, headers: Object.fromEntries(kept) };
}

Deno.test("nothing pretends to be the SDK", async () => {
  await using servers = startServers();
  await clientsOf(servers.url).sandboxes.connect(SANDBOX_ID, 60);
  const [{ headers }] = servers.take();
  assert.equal(headers["user-agent"], "execution-contexts");
  for (const header of OF_STATISTICS) assert.equal(headers[header], undefined);
});
