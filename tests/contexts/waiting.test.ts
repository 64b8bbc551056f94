/** Those who wait for one path in one process: one of them asks, and what one of them learns wakes the others. */
import assert from "node:assert/strict";
import type { Reached } from "../../supabase/functions/_shared/contexts/reach.ts";
import { Seat } from "../../supabase/functions/_shared/contexts/waiting.ts";
import { LiveSandbox } from "../../supabase/functions/_shared/sandbox/live_sandbox.ts";
import { inFakeTime, type Pass, settled } from "../support/fake_time.ts";

/** Lets pass what is enough for one who asks to ask several times, and for no one who sleeps to wake by itself. */
async function passAWhile(pass: Pass): Promise<void> {
  // In steps: each question is what sets the next one's timer.
  for (let milliseconds = 0; milliseconds < 750; milliseconds += 25) await pass(25);
}

/** One who wants a path, as acquire does: looks, and waits before it looks again, until it leaves. */
class Caller {
  readonly seat: Seat;
  looks = 0;
  #isHere = true;

  constructor(path: string, userId: string | null = null) {
    this.seat = new Seat({ tenantId: "t", conversationId: "c", pathId: path, userId });
  }

  /** Looks until it leaves. */
  async stay(): Promise<void> {
    while (this.#isHere) {
      this.looks++;
      await this.seat.wait(Infinity, new AbortController().signal);
    }
  }

  leave(reached?: Reached): void {
    this.#isHere = false;
    this.seat.leave(reached);
  }
}

/** Callers who have begun to wait, in this order; they have left when the test is over. */
function waiting(name: string, count: number, test: (callers: Caller[], path: string, pass: Pass) => Promise<void>) {
  Deno.test(name, () =>
    inFakeTime(async (pass) => {
      const path = crypto.randomUUID();
      const callers = Array.from({ length: count }, () => new Caller(path));
      const stays = callers.map((caller) => caller.stay());
      try {
        await settled();
        await test(callers, path, pass);
      } finally {
        for (const caller of callers) caller.leave();
        // Whoever looks at that moment waits once more.
        await pass(2_000);
        await Promise.all(stays);
      }
    }));
}

const looks = (callers: readonly Caller[]) => callers.map((caller) => caller.looks);
/** Nothing is asked of the sandbox here. */
const sandbox: LiveSandbox = Object.create(LiveSandbox.prototype);
const reached = (knownSince: number): Reached => ({ context, sandbox, kernelCount: null, knownSince });
const context = {
  id: crypto.randomUUID(),
  tenant_id: "t",
  conversation_id: "c",
  path_id: "p",
  sandbox_id: "s",
  ttl_seconds: 1800,
  created_at: "",
  last_used_at: "",
  expires_at: "",
  kept_until: "",
  forked_from_context_id: null,
  forked_from_path_id: null,
  state_id: crypto.randomUUID(),
  previous_termination_reason: null,
  previous_terminated_at: null,
};

waiting("one of them asks, often, and the others sleep", 20, async ([asker, ...sleepers], _path, pass) => {
  await passAWhile(pass);
  assert(asker.looks >= 4, `asked ${asker.looks} times`);
  assert.deepEqual(new Set(looks(sleepers)), new Set([1]));
});

waiting("when it leaves, all look at once, and the next one asks", 5, async ([asker, next, ...others], _path, pass) => {
  asker.leave();
  await settled();
  assert.deepEqual(looks([next, ...others]), [2, 2, 2, 2]);
  await passAWhile(pass);
  assert(next.looks >= 5, `asked ${next.looks} times`);
  assert.deepEqual(looks(others), [2, 2, 2]);
});

waiting("so they do when one leaves who slept", 4, async ([asker, sleeper, ...others], _path, pass) => {
  sleeper.leave();
  await settled();
  assert.deepEqual(looks(others), [2, 2]);
  const before = asker.looks;
  await passAWhile(pass);
  assert(asker.looks > before + 2);
  assert.deepEqual(looks(others), [2, 2]);
});

waiting("a sleeper whom nobody wakes looks by itself", 2, async ([, sleeper], _path, pass) => {
  await pass(2_000);
  assert(sleeper.looks >= 2);
});

waiting("those who wait for other paths are not woken", 2, async (callers) => {
  const other = new Caller(crypto.randomUUID());
  other.seat.take("claim");
  other.leave();
  await settled();
  assert.deepEqual(looks(callers), [1, 1]);
});

waiting("while one has the path in hand, nobody asks, and who comes learns whose claim it is", 3, async (
  callers,
  path,
  pass,
) => {
  const creator = new Caller(path);
  assert.equal(creator.seat.claimInHand, undefined);
  creator.seat.take("claim");
  assert.equal(creator.seat.claimInHand, undefined);
  assert.equal(new Caller(path).seat.claimInHand, "claim");
  assert.equal(new Caller(crypto.randomUUID()).seat.claimInHand, undefined);
  // The one that asked before has yet to see that.
  await pass(50);
  const before = looks(callers);
  await passAWhile(pass);
  assert.deepEqual(looks(callers), before);
  creator.leave();
  await settled();
  assert.deepEqual(looks(callers), before.map((count) => count + 1));
  assert.equal(new Caller(path).seat.claimInHand, undefined);
});

waiting("what one reaches is told to those who came before it was known, of the same user", 2, async (
  [asker, sleeper],
  path,
) => {
  const stranger = new Caller(path, "another");
  const stays = stranger.stay();
  await settled();
  const known = reached(performance.now());
  asker.leave(known);
  assert.equal(sleeper.seat.reached, known);
  assert.equal(stranger.seat.reached, undefined);
  stranger.leave();
  await stays;
});

waiting("not to who came later: it may have ended since, by a call of theirs", 2, async ([asker, sleeper]) => {
  asker.leave(reached(performance.now() - 60_000));
  assert.equal(sleeper.seat.reached, undefined);
  assert.equal(sleeper.looks, 1);
  await settled();
  assert.equal(sleeper.looks, 2);
});

waiting("who finds the path free forgets what another had reached there", 2, async ([asker, sleeper]) => {
  asker.leave(reached(performance.now()));
  sleeper.seat.take("claim");
  assert.equal(sleeper.seat.reached, undefined);
  await settled();
});

Deno.test("who has no time left does not wait", async () => {
  const { seat } = new Caller(crypto.randomUUID());
  assert.equal(await seat.wait(performance.now() + 5, new AbortController().signal), false);
  seat.leave();
});
