/** Who listens to a program, and who has to wait for whom. */
import assert from "node:assert/strict";
import { Audience } from "../../local/e2b/envd/audience.ts";

const MIB = 1024 ** 2;

/** Whether it is settled once all that is ready has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const turn = new Promise<"turn">((resolve) => setTimeout(() => resolve("turn"), 0));
  return await Promise.race([promise.then(() => "settled"), turn]) === "settled";
}

Deno.test("with nobody there nothing waits", async () => {
  const audience = new Audience<string>();
  await audience.tell("unheard", 100 * MIB);
  const late = audience.join();
  audience.close();
  assert.equal(await late.next(), null);
});

Deno.test("one alone paces who tells", async () => {
  const audience = new Audience<string>();
  const listener = audience.join();
  await audience.tell("small", 10);
  const told = audience.tell("large", 9 * MIB);
  assert.equal(await isSettled(told), false);
  assert.equal(await listener.next(), "small");
  assert.equal(await isSettled(told), false);
  assert.equal(await listener.next(), "large");
  await told;
});

Deno.test("each hears all from when they joined", async () => {
  const audience = new Audience<string>();
  const first = audience.join();
  await audience.tell("one", 3);
  const second = audience.join();
  await audience.tell("two", 3);
  audience.close();
  assert.deepEqual([await first.next(), await first.next(), await first.next()], ["one", "two", null]);
  assert.deepEqual([await second.next(), await second.next()], ["two", null]);
});

Deno.test("the fastest paces, and who falls behind is cut off", async () => {
  const audience = new Audience<number>();
  const slow = audience.join();
  const fast = audience.join();
  for (let number = 0; number < 10; number++) {
    const told = audience.tell(number, MIB);
    assert.equal(await fast.next(), number);
    await told;
  }
  await assert.rejects(slow.next(), { code: "resource_exhausted", message: /4 MiB/ });
  audience.close();
  assert.equal(await fast.next(), null);
});

Deno.test("who leaves frees those who wait for them", async () => {
  const audience = new Audience<string>();
  const listener = audience.join();
  const told = audience.tell("large", MIB);
  assert.equal(await isSettled(told), false);
  listener.leave();
  await told;
  assert.equal(await listener.next(), null);
});
