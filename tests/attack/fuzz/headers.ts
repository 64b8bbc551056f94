/** Headers that lie, methods that no function has, and addresses where nothing is. */
import type { Random } from "../../guarantee/chaos/random.ts";
import type { FuzzRequest, Header } from "./request.ts";
import { type Scene, VICTIM, VICTIMS_PATH } from "./scene.ts";
import { oneOf } from "./values.ts";

const LIES: readonly Header[] = [
  ["content-type", "text/plain"],
  ["content-type", "multipart/form-data; boundary=b"],
  ["content-type", "application/json; charset=utf-16"],
  ["content-type", "application/x-www-form-urlencoded"],
  ["content-type", ";;;"],
  ["content-encoding", "gzip"],
  ["content-encoding", "br, gzip, deflate"],
  ["accept", "text/event-stream"],
  ["accept", "text/event-stream;q=0"],
  ["accept", "*/*,".repeat(1_000)],
  ["accept-encoding", "gzip, br, zstd"],
  ["expect", "100-continue"],
  ["expect", "nothing"],
  ["x-request-id", "a b{}\\"],
  ["x-request-id", "x".repeat(5_000)],
  ["x-request-id", "é\u0080"],
  ["x-forwarded-for", "127.0.0.1"],
  ["x-forwarded-host", "evil.example"],
  ["x-client-info", "\u00ff".repeat(100)],
  ["idempotency-key", "a"],
  ["origin", "null"],
  ["range", "bytes=0-1"],
  ["cookie", "a=b; ".repeat(500)],
  ["upgrade", "websocket"],
  ["te", "trailers, gzip"],
  ["max-forwards", "0"],
  ["prefer", "tx=rollback"],
  ["x-big", "x".repeat(100_000)],
];

/** One to three headers that are not true. */
export function lies(random: Random, request: FuzzRequest): FuzzRequest {
  const told = Array.from({ length: random.between(1, 3) }, () => oneOf(random, LIES));
  const many = Array.from({ length: random.between(60, 400) }, (_, index): Header => [`x-h${index}`, "x"]);
  const kept = request.headers.filter(([name]) => name !== "content-type" || random.next() < 0.5);
  // Which of two the server takes, and whether it takes so many or so long ones, is its own to say.
  return { ...request, kind: "lying headers", headers: [...kept, ...random.next() < 0.1 ? many : told] };
}

/** A method that the functions do not have. */
export function methods(random: Random, request: FuzzRequest): FuzzRequest {
  const method = oneOf(random, ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "X"]);
  const isBare = random.next() < 0.5;
  return {
    ...request,
    kind: "other method",
    method,
    body: isBare ? new Uint8Array() : request.body,
    // A preflight is answered, whoever asks.
    refused: method !== "OPTIONS",
    // The one asks for a tunnel, and the local gateway's client cannot send the other.
    silence: method === "CONNECT" || method === "TRACE",
  };
}

/** An address where nothing is, or nothing for this caller. */
export function places(random: Random, request: FuzzRequest, scene: Scene): FuzzRequest {
  const claim = { p_claim_id: crypto.randomUUID(), p_tenant_id: VICTIM, p_conversation_id: "c", p_path_id: "p" };
  const user: Header[] = [
    ["content-type", "application/json"],
    ["authorization", `Bearer ${scene.token}`],
    ["apikey", scene.publishableKey],
  ];
  const place = (target: string): FuzzRequest => ({ ...request, kind: "other path", target, refused: true });
  const rpc = (name: string, parameters: object): FuzzRequest => ({
    ...request,
    kind: "SQL function",
    to: "gateway",
    target: `/rest/v1/rpc/${name}`,
    headers: user,
    body: new TextEncoder().encode(JSON.stringify(parameters)),
    refused: true,
  });
  return random.pick<FuzzRequest>([
    [1, place("/functions/v1/nothing")],
    [1, place("/functions/v1/_shared")],
    [1, place("/functions/v1/..%2f..%2facquire-context")],
    [1, place("/functions/v1/%00")],
    [1, place(`/functions/v1/${"x".repeat(10_000)}`)],
    [1, place("//functions//v1//acquire-context")],
    [1, place("/%ff%fe")],
    [1, place("/é\u0000")],
    [1, place("*")],
    [1, place("")],
    // Not even an address: the local gateway says that it failed.
    [1, { ...place("http://[::1/"), to: "gateway", silence: true }],
    [1, { ...place("http://elsewhere.example/nothing"), headers: user }],
    [1, { ...request, kind: "longer path", target: `${request.target}/more?a=b#c` }],
    [1, { ...request, kind: "long query", target: `${request.target}?${"a=b&".repeat(5_000)}` }],
    [2, rpc("copilot_claim_context", { ...claim, p_lease_seconds: 60, p_default_ttl_seconds: 60 })],
    [2, rpc("copilot_terminate_contexts", { p_tenant_id: VICTIM, p_conversation_id: VICTIMS_PATH.conversation_id })],
    [1, rpc("copilot_find_orphans", { p_sandboxes: [] })],
    [1, rpc("copilot_execution_usage", { p_from: "2026-01-01", p_to: "2027-01-01", p_tenant_id: VICTIM })],
  ]);
}
