/** The kinds of request, and how often each comes. */
import type { Random } from "../../guarantee/chaos/random.ts";
import { hostileBody, type Name, toJson, validBody } from "./body.ts";
import { brokenBytes } from "./bytes.ts";
import { cutOff } from "./framing.ts";
import { lies, methods, places } from "./headers.ts";
import { maximalBody } from "./maximal.ts";
import type { FuzzRequest, Header } from "./request.ts";
import { PATHS, type Scene, TENANT, VICTIM, VICTIMS_PATH } from "./scene.ts";
import { oneOf } from "./values.ts";

export interface KindOptions {
  readonly scene: Scene;
  /** How long the largest bodies are, in bytes; 0 for none. */
  readonly largest: number;
}

const encoder = new TextEncoder();
const onPath = (more: object) => encoder.encode(JSON.stringify({ ...PATHS[0], language: "javascript", ...more }));
/** Runs until its caller has gone, or its time is over. */
const ENDLESS = onPath({ code: "await new Promise(() => {})", timeout_ms: 1_000 });
/** Its answer is there at once, so that it meets a caller who is just leaving. */
const REPEAT = onPath({ code: "1", idempotency_key: "repeated" });

/** The next request. */
export function nextRequest(random: Random, { scene, largest }: KindOptions): FuzzRequest {
  // Each end of a context has a kernel started anew, which takes longer than all else here.
  const name = random.pick<Name>([[6, "acquire-context"], [6, "execute-code"], [1, "terminate-context"]]);
  const valid = (): FuzzRequest => {
    const to = random.next() < 0.7 ? "gateway" : "process";
    return {
      kind: "valid",
      to,
      method: "POST",
      target: targetOf(to, name),
      headers: [["content-type", "application/json"], ...credentials(random, scene)],
      body: encoder.encode(toJson(validBody(random, name))),
      then: "read",
      refused: false,
      silence: false,
    };
  };
  const like = (kind: string, more: Partial<FuzzRequest>): FuzzRequest => ({ ...valid(), kind, ...more });
  return random.pick<() => FuzzRequest>([
    [15, valid],
    [35, () => like("hostile values", { body: encoder.encode(hostileBody(random, name)) })],
    [12, () => like("no JSON", { body: brokenBytes(random, toJson(validBody(random, name))) })],
    [8, () => cutOff(random, valid())],
    [8, () => lies(random, valid())],
    [6, () => random.next() < 0.5 ? methods(random, valid()) : places(random, valid(), scene)],
    [9, () => badToken(random, like("bad token", {}), scene)],
    [6, () => leaving(random, valid())],
    [largest === 0 ? 0 : 1, () => like("maximal body", { body: maximalBody(random, largest) })],
  ])();
}

export function targetOf(to: FuzzRequest["to"], name: Name): string {
  return to === "gateway" ? `/functions/v1/${name}` : `/${name}`;
}

function credentials(random: Random, { token, publishableKey, secretKey }: Scene): Header[] {
  return random.next() < 0.9
    ? [["authorization", `Bearer ${token}`], ["apikey", publishableKey]]
    : [["apikey", secretKey]];
}

/** Credentials that are nobody's, or one's own with another's name. */
function badToken(random: Random, request: FuzzRequest, scene: Scene): FuzzRequest {
  const headers: Header[] = [["content-type", "application/json"], ["apikey", scene.publishableKey]];
  const [why, token] = oneOf(random, scene.badTokens);
  const own: Header = ["authorization", `Bearer ${scene.token}`];
  const theirs = encoder.encode(JSON.stringify({ ...VICTIMS_PATH, tenant_id: VICTIM }));
  const reversed = encoder.encode(JSON.stringify({ conversation_id: "fuzz-0", path_id: "path-0", tenant_id: TENANT }));
  const refused = { ...request, refused: true };
  return random.pick<FuzzRequest>([
    [10, {
      ...refused,
      kind: `bad token: ${why}`,
      headers: [...headers, ["authorization", `Bearer ${token}`]],
    }],
    [1, { ...refused, kind: "bad token: none", headers }],
    [1, { ...refused, kind: "bad token: no scheme", headers: [...headers, ["authorization", scene.token]] }],
    [1, { ...refused, kind: "bad token: a wrong key", headers: [["apikey", `${scene.secretKey}x`]] }],
    [2, { ...refused, kind: "another tenant's name", headers: [...headers, own], body: theirs }],
    [2, {
      ...refused,
      kind: "one's own name to another tenant's token",
      headers: [...headers, ["authorization", `Bearer ${scene.victimsToken}`]],
      body: reversed,
    }],
    // No error, and no effect: the bystander would notice.
    [2, {
      ...request,
      kind: "another tenant's context",
      to: "gateway",
      target: targetOf("gateway", "terminate-context"),
      headers: [...headers, own],
      body: encoder.encode(JSON.stringify({ context_id: scene.victimsContextId })),
    }],
    [2, {
      ...request,
      kind: "another tenant's path",
      to: "gateway",
      target: targetOf("gateway", "terminate-context"),
      headers: [...headers, own],
      body: encoder.encode(JSON.stringify(VICTIMS_PATH)),
    }],
  ]);
}

/** A caller who goes before the answer, while code runs or before anything happened. */
function leaving(random: Random, request: FuzzRequest): FuzzRequest {
  const streams: Header[] = random.next() < 0.5 ? [["accept", "text/event-stream"]] : [];
  const target = targetOf(request.to, "execute-code");
  const run = random.pick([
    [4, {}],
    [2, { target, body: ENDLESS }],
    [4, { target, body: REPEAT }],
  ]);
  return {
    ...request,
    ...run,
    kind: "leaves",
    headers: [...request.headers, ...streams],
    then: "leave",
    silence: true,
  };
}
