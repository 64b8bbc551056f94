/**
 * E2B's control plane, as far as it is used here. The requests are those of its SDK, whose types they have;
 * `tests/sandbox/conformance.test.ts` holds the two against each other. The SDK itself would be two thirds of what a
 * function loads when it starts, and drops what decides here: the status, the error's code, and `Retry-After`.
 */
import type { components, paths } from "e2b";
import * as z from "zod/mini";
import type { Answer } from "./provider_errors.ts";
import { queryOf } from "./query.ts";
import { accessSchema } from "./sealed_access.ts";
import { sendAgain, sendOnce } from "./send.ts";

/** Time limit of a call that is not a create, in milliseconds. */
const CALL_MILLISECONDS = 20_000;

type Schemas = components["schemas"];
/** What E2B tells of a sandbox that may be used now. */
export type DescribedSandbox = Pick<
  Schemas["Sandbox"],
  "sandboxID" | "envdVersion" | "domain" | "envdAccessToken" | "trafficAccessToken"
>;
type ForkResult = { readonly sandbox?: DescribedSandbox; readonly error?: Schemas["Error"] };
type ListedSandbox = Pick<Schemas["ListedSandbox"], "sandboxID" | "startedAt" | "metadata">;
type ListQuery = NonNullable<paths["/v2/sandboxes"]["get"]["parameters"]["query"]>;

const describedSchema: z.ZodMiniType<DescribedSandbox> = z.extend(accessSchema, { sandboxID: z.string() });
const forkSchema: z.ZodMiniType<ForkResult[]> = z.array(z.object({
  sandbox: z.optional(describedSchema),
  error: z.optional(z.object({ code: z.int(), message: z.string() })),
}));
const listSchema: z.ZodMiniType<ListedSandbox[]> = z.array(z.object({
  sandboxID: z.string(),
  startedAt: z.string(),
  // Also of those of others who use the account: one odd entry must not stand before all.
  metadata: z.catch(z.optional(z.record(z.string(), z.string())), undefined),
}));

/** An answer, with what it says where that is a success in the form that E2B's description gives. */
export interface Told<Data> extends Answer {
  readonly data?: Data;
}

interface Call {
  readonly method: "GET" | "POST" | "DELETE";
  /** With its query. */
  readonly path: string;
  readonly body?: object;
  readonly signal?: AbortSignal;
  readonly send?: (request: Request) => Promise<Response>;
}

/** All throw what `fetch` throws for want of an answer, and `SyntaxError` for a success that is no JSON. */
export class ProviderApi {
  /** `url`: without a slash at its end. */
  constructor(private readonly url: string, private readonly key: string) {}

  /** Never sends a create twice. */
  async create(body: Schemas["NewSandboxV2"], signal: AbortSignal): Promise<Told<DescribedSandbox>> {
    return await this.#ask({ method: "POST", path: "/v2/sandboxes", body, signal, send: sendOnce }, describedSchema);
  }

  async connect(sandboxId: string, body: Schemas["ConnectSandboxV2"]): Promise<Told<DescribedSandbox>> {
    const path = `/v2/sandboxes/${encodeURIComponent(sandboxId)}/connect`;
    return await this.#ask({ method: "POST", path, body }, describedSchema);
  }

  /** Never sends a fork twice. */
  async fork(
    sandboxId: string,
    body: Schemas["SandboxForkRequest"],
    signal: AbortSignal,
  ): Promise<Told<ForkResult[]>> {
    const path = `/sandboxes/${encodeURIComponent(sandboxId)}/fork`;
    return await this.#ask({ method: "POST", path, body, signal, send: sendOnce }, forkSchema);
  }

  async kill(sandboxId: string): Promise<Answer> {
    const path = `/sandboxes/${encodeURIComponent(sandboxId)}`;
    return await this.#ask({ method: "DELETE", path }, z.unknown());
  }

  async list(query: ListQuery): Promise<Told<ListedSandbox[]>> {
    return await this.#ask({ method: "GET", path: `/v2/sandboxes?${queryOf(query)}` }, listSchema);
  }

  async #ask<Data>(call: Call, schema: z.ZodMiniType<Data>): Promise<Told<Data>> {
    const { method, path, body, signal = AbortSignal.timeout(CALL_MILLISECONDS), send = sendAgain } = call;
    const headers = new Headers({ "X-API-KEY": this.key, "User-Agent": "execution-contexts" });
    if (body) headers.set("Content-Type", "application/json");
    const request = new Request(`${this.url}${path}`, { method, headers, body: body && JSON.stringify(body), signal });
    const response = await send(request);
    const text = await response.text();
    if (!response.ok) return { response, error: jsonOr(text) };
    return { response, data: schema.safeParse(text === "" ? undefined : JSON.parse(text)).data };
  }
}

/** An error's body as it is where it is no JSON: a proxy's. */
function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
