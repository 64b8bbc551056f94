/** A stack whose way to its sandbox provider leads through a proxy, for tests of what happens between the two. */
import { type E2BServer, startE2B } from "../../local/e2b/server.ts";
import { type Stack, type StackOptions, startStack } from "../../local/stack.ts";
import { type Proxy, type RequestLine, startProxy } from "./proxy.ts";

export interface FaultyStack {
  readonly stack: Stack;
  readonly provider: E2BServer;
  readonly proxy: Proxy;
  stop(): Promise<void>;
}

export async function startFaultyStack(options: StackOptions = {}): Promise<FaultyStack> {
  const provider = await startE2B();
  const proxy = await startProxy(provider.url);
  const stack = await startStack({
    ...options,
    e2bUrl: proxy.url,
    sandboxUrl: proxy.url,
    e2bApiKey: provider.apiKey,
  });
  return {
    stack,
    provider,
    proxy,
    stop: async () => {
      await stack.stop();
      await proxy.stop();
      await provider.stop();
    },
  };
}

/** The steps of the functions' work at the provider, by the requests that the SDK sends. */
export const at = {
  create: ({ method, path }: RequestLine) => method === "POST" && path === "/v2/sandboxes",
  connect: ({ path }: RequestLine) => path.endsWith("/connect"),
  extend: ({ path }: RequestLine) => /^\/sandboxes\/[^/]+\/timeout$/.test(path),
  kill: ({ method }: RequestLine) => method === "DELETE",
  execute: ({ path }: RequestLine) => path === "/execute",
};
