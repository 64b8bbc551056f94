/** E2B's answers, each sorted into what it means for callers. */
import assert from "node:assert/strict";
import { describe } from "../../supabase/functions/_shared/log.ts";
import {
  asConnectionError,
  asProviderError,
  saysBeingKilled,
  saysNotFound,
} from "../../supabase/functions/_shared/sandbox/provider_errors.ts";

const cases: [status: number, message: string, headers: HeadersInit, code: string, retryAfter: number | undefined][] = [
  [400, "Timeout cannot be greater than 1 hours", {}, "misconfigured", undefined],
  [401, "Invalid API key", {}, "misconfigured", undefined],
  [403, "Team is blocked", {}, "misconfigured", undefined],
  [404, "template 'x' not found", {}, "misconfigured", undefined],
  [429, "Rate limit exceeded", { "Retry-After": "7" }, "rate_limited", 7],
  [429, "Rate limit exceeded", {}, "rate_limited", 2],
  [429, "You have reached the maximum number of concurrent E2B sandboxes", {}, "out_of_sandboxes", 30],
  [500, "sandbox_create_failed", {}, "sandbox_unavailable", 2],
  [502, "bad gateway", {}, "sandbox_unavailable", 2],
  [503, "sandbox_capacity_unavailable", { "Retry-After": "5" }, "sandbox_unavailable", 5],
  [503, "maintenance", { "Retry-After": "3600" }, "sandbox_unavailable", 60],
  [503, "sandbox_no_compatible_node", {}, "sandbox_unavailable", 2],
  [504, "sandbox_placement_timeout", {}, "sandbox_timeout", 2],
];

for (const [status, message, headers, code, retryAfter] of cases) {
  Deno.test(`E2B's ${status} "${message}" is ${code}`, () => {
    const response = new Response(null, { status, headers });
    const error = asProviderError({ response, error: { code: status, message } });
    assert.equal(error.code, code);
    assert.equal(error.retryAfterSeconds, retryAfter);
    assert.equal(error.retryable, code !== "misconfigured");
    // E2B's words may name our account.
    assert(!error.message.includes(message));
  });
}

Deno.test("Retry-After may be a date", () => {
  const headers = { "Retry-After": new Date(Date.now() + 60_000).toUTCString() };
  const error = asProviderError({ response: new Response(null, { status: 429, headers }) });
  assert(error.retryAfterSeconds && Math.abs(error.retryAfterSeconds - 60) <= 2);
});

Deno.test("only E2B's own words say that a sandbox is gone", () => {
  const said = (status: number, error: unknown) => ({ response: new Response(null, { status }), error });
  assert.equal(saysNotFound(said(404, { code: 404, message: "sandbox not found" })), true);
  assert.equal(saysNotFound(said(404, "<html>no such route</html>")), false);
  assert.equal(saysNotFound(said(404, undefined)), false);
  assert.equal(saysNotFound(said(502, { code: 404, message: "sandbox not found" })), false);
  assert.equal(saysBeingKilled(said(409, { code: 409, message: "sandbox is being killed" })), true);
  assert.equal(saysBeingKilled(said(409, "conflict")), false);
});

Deno.test("no answer is a time-out or a broken way, and both may be tried again", () => {
  assert.equal(asConnectionError(new DOMException("signal timed out", "TimeoutError")).code, "sandbox_timeout");
  assert.equal(asConnectionError(new TypeError("error sending request")).code, "sandbox_unavailable");
});

Deno.test("what could not be read is not quoted, be it in a cause, which is logged", () => {
  const said = "said-marker";
  const causes = [
    asConnectionError(new SyntaxError(`Unexpected token 's', "${said}" is not valid JSON`)).cause,
    asProviderError({
      response: new Response(null, { status: 403 }),
      error: { code: 403, message: said, error_code: said },
    }).cause,
  ];
  for (const cause of causes) assert(!describe(cause).includes(said), describe(cause));
});
