/** While hostile bodies are refused, a caller of another tenant is served by the same process. */
import assert from "node:assert/strict";
import type { ErrorBody } from "../../supabase/functions/_shared/contract/error.ts";
import { invoke, newPath, user } from "../support/clients.ts";
import { useStack } from "../support/stack.ts";
import { shapes } from "./body_shapes.ts";

const BYTES = 8 * 2 ** 20;
/** Hundreds of times what a refusal should cost, in milliseconds: a cost that grows faster than its body takes minutes. */
const MOST_MILLISECONDS = 20_000;
/** For an answer that never comes, in milliseconds. */
const PATIENCE_MILLISECONDS = 120_000;

const HOSTILE = [
  "an output of slashes",
  "environment of bad names",
  "numbers for names",
  "an unknown field of a long name",
  "lists in lists",
  "base64 of padding, and then not",
];

const local = useStack();

Deno.test("hostile bodies keep nobody else waiting", async () => {
  const attacker = await user(local.stack, "attacker");
  const { data: { session } } = await attacker.auth.getSession();
  assert(session);
  const authorization = `Bearer ${session.access_token}`;
  const bystander = await user(local.stack, "bystander");
  // Beforehand: to make them takes this process, through which all calls go, longer than to refuse them takes the other.
  const bodies = HOSTILE.map((shape) => ({ shape, body: shapes[shape](BYTES) }));
  const signal = AbortSignal.timeout(PATIENCE_MILLISECONDS);

  let isOver = false;
  const attack = async () => {
    try {
      for (const { shape, body } of bodies) {
        const response = await fetch(`${local.stack.apiUrl}/functions/v1/execute-code`, {
          method: "POST",
          headers: { authorization },
          body,
          signal,
        });
        const told: ErrorBody = await response.json();
        assert.deepEqual([response.status, told.code], [400, "invalid_request"], shape);
      }
    } finally {
      isOver = true;
    }
  };
  let [calls, worst] = [0, 0];
  const beServed = async () => {
    while (!isOver) {
      const before = performance.now();
      assert.equal((await invoke(bystander, "terminate-context", newPath())).terminated, 0);
      worst = Math.max(worst, performance.now() - before);
      calls++;
    }
  };
  await Promise.all([attack(), beServed()]);
  console.log(`the slowest of the bystander's ${calls} calls took ${Math.round(worst)} ms`);
  assert(calls > 0);
  assert(worst <= MOST_MILLISECONDS, `${worst} ms`);
});
