import assert from "node:assert/strict";
import { mock } from "node:test";
import { AwakeTimers } from "../../local/e2b/sandbox/awake_timers.ts";
import { inFakeTime } from "../support/fake_time.ts";

Deno.test("what is left of a timer is left after a pause", async () => {
  let now = 0;
  const clock = mock.method(performance, "now", () => now);
  try {
    await inFakeTime(async (pass) => {
      const timers = new AwakeTimers();
      const elapsed: string[] = [];
      timers.start(1000, () => elapsed.push("early"));
      const callOff = timers.start(1000, () => elapsed.push("called off"));
      const passes = async (milliseconds: number) => {
        now += milliseconds;
        await pass(milliseconds);
      };
      await passes(600);
      timers.stop();
      timers.start(500, () => elapsed.push("begun in a pause"));
      callOff();
      await passes(5000);
      assert.deepEqual(elapsed, []);
      timers.goOn();
      await passes(399);
      assert.deepEqual(elapsed, []);
      await passes(1);
      assert.deepEqual(elapsed, ["early"]);
      await passes(100);
      assert.deepEqual(elapsed, ["early", "begun in a pause"]);
    });
  } finally {
    clock.mock.restore();
  }
});
