/** What an error says about being sent again: loops follow it. */
import assert from "node:assert/strict";
import { ContextError, type ErrorCode, toBody, toResponse } from "../supabase/functions/_shared/errors.ts";

/** What callers are told of an error that was thrown with this wait, in the body and in the header. */
function told(code: ErrorCode, retryAfterSeconds?: number): [boolean, number | undefined, string | null] {
  const error = new ContextError(code, "A message.", { retryAfterSeconds });
  const { retryable, retry_after_seconds } = toBody(error);
  return [retryable, retry_after_seconds, toResponse(error).headers.get("Retry-After")];
}

Deno.test("a retryable error is worth a wait of a minute at most, whoever asked for more", () => {
  assert.deepEqual(told("sandbox_unavailable", 59), [true, 59, "59"]);
  assert.deepEqual(told("sandbox_unavailable", 60), [true, 60, "60"]);
  assert.deepEqual(told("sandbox_unavailable", 61), [true, 60, "60"]);
  assert.deepEqual(told("context_busy", 86_400), [true, 60, "60"]);
});

Deno.test("no wait is made up for a retryable error that has none", () => {
  assert.deepEqual(told("sandbox_unavailable"), [true, undefined, null]);
});

Deno.test("quota_exceeded is not for loops, and says how long it may be, however long that is", () => {
  assert.deepEqual(told("quota_exceeded", 1_800), [false, 1_800, "1800"]);
});
