/** What agents are told of variables that are gone: what is true, to the kernel that it is about, and once. */
import assert from "node:assert/strict";
import type { AcquireResponse } from "../../supabase/functions/_shared/contract/acquire_context.ts";
import { noting } from "../../supabase/functions/_shared/mcp/notes.ts";

const AT = "2026-11-27T20:00:00.000Z";

const newKey = () => ({ tenantId: "t", userId: null, conversationId: crypto.randomUUID(), pathId: "main" });

function answer(state_id: string, more: Partial<AcquireResponse> = {}): AcquireResponse {
  return {
    context: {
      id: "c",
      conversation_id: "chat",
      path_id: "main",
      ttl_seconds: 300,
      created_at: AT,
      last_used_at: AT,
      expires_at: AT,
      kept_until: AT,
    },
    was_created: false,
    was_resumed: false,
    forked_from: null,
    state_id,
    lost: null,
    previous: null,
    ...more,
  };
}

Deno.test("a loss is told with its time and why, once, to those who had seen what is gone", () => {
  const key = newKey();
  const first = noting(key, "The Python session");
  assert.equal(first.expects, undefined);
  assert.equal(first.noteOf(answer("one")), null);
  const lost = { reason: "expired", at: AT };
  const two = [noting(key, "The Python session"), noting(key, "The Python session")];
  assert.deepEqual(two.map(({ expects }) => expects), ["one", "one"]);
  assert.deepEqual(two.map(({ noteOf }) => noteOf(answer("two", { lost }))), [
    "The Python session was restarted at 2026-11-27T20:00:00Z, not having been used for too long: " +
    "variables defined before that are gone.",
    null,
  ]);
});

Deno.test("each language's kernel is told for itself", () => {
  const key = newKey();
  for (const kernel of ["The Python session", "The shell session"]) noting(key, kernel).noteOf(answer("one"));
  const lost = { reason: "kernel_restarted", at: AT };
  for (const kernel of ["The shell session", "The Python session"]) {
    assert.match(
      noting(key, kernel).noteOf(answer("two", { lost })) ?? "",
      /^A session here was restarted at .*: variables that were defined in its language before that are gone\.$/,
    );
  }
});

Deno.test("a process that has seen nothing tells of a new sandbox, and of a kernel's restart, and of nothing else", () => {
  const previous = { termination_reason: "terminated", terminated_at: AT };
  const restarted = { termination_reason: "kernel_restarted", terminated_at: AT };
  const note = (given: Partial<AcquireResponse>) => noting(newKey(), "The Python session").noteOf(answer("one", given));
  assert.match(note({ was_created: true, previous }) ?? "", /^The Python session was restarted at .*, on request/);
  assert.match(note({ previous: restarted }) ?? "", /crashed, or had to be stopped/);
  assert.equal(note({ previous }), null);
  assert.equal(note({ was_created: true }), null);
});

Deno.test("a call that got no answer has told nobody", () => {
  const key = newKey();
  noting(key, "The Python session");
  const previous = { termination_reason: "kernel_restarted", terminated_at: AT };
  assert.match(noting(key, "The Python session").noteOf(answer("one", { previous })) ?? "", /was restarted/);
});
