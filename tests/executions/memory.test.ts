/** Shares of what a process may hold: small ones for all, large ones one after the other. */
import assert from "node:assert/strict";
import { Arrival, SMALL_BYTES, take } from "../../supabase/functions/_shared/memory.ts";

const MEBIBYTE = 2 ** 20;
/** Never aborts: whoever waits goes on. */
const nobody = new AbortController().signal;

Deno.test("what has not begun is refused while others hold too much, unless it is small", async () => {
  const [first, other, next] = [new Arrival(), new Arrival(), new Arrival()];
  assert(first.hold(8 * MEBIBYTE));
  first.settle();
  assert(!other.hold(8 * MEBIBYTE));
  assert(other.hold(SMALL_BYTES));
  // What has begun still has room.
  const results = await take(8 * MEBIBYTE, nobody);
  assert(results);
  results.keep(0);
  first.release();
  assert(next.hold(8 * MEBIBYTE));
  for (const arrival of [other, next]) arrival.release();
});

Deno.test("of several that come in at the same time, the first is served, and no more of the others refused than must be", () => {
  const arrivals = Array.from({ length: 4 }, () => new Arrival());
  const refused = () => arrivals.map(({ refused }) => refused.aborted);
  for (const arrival of arrivals) assert(arrival.hold(3 * MEBIBYTE));
  // The last has nobody to make room for it.
  assert(!arrivals[3].hold(MEBIBYTE));
  assert(arrivals[0].hold(2 * MEBIBYTE));
  assert.deepEqual(refused(), [false, false, false, true]);
  assert(arrivals[0].hold(3 * MEBIBYTE));
  assert.deepEqual(refused(), [false, false, true, true]);
  arrivals[0].settle();
  // Who is in whole makes room for nobody; who asks in vain has harmed nobody.
  const late = new Arrival();
  assert(late.hold(MEBIBYTE));
  assert(!arrivals[1].hold(3 * MEBIBYTE));
  assert.deepEqual(refused(), [false, false, true, true]);
  assert(!late.refused.aborted);
  for (const arrival of [...arrivals, late]) arrival.release();
  // All of it came back.
  const all = new Arrival();
  assert(all.hold(12 * MEBIBYTE));
  all.release();
});

Deno.test("who waits is served in turn, when so much is given back", async () => {
  const held = await take(20 * MEBIBYTE, nobody);
  assert(held);
  const order: string[] = [];
  const waiting = [["large", 20], ["other", 2]] as const;
  const served = waiting.map(async ([name, size]) => {
    const share = await take(size * MEBIBYTE, nobody);
    order.push(name);
    return share;
  });
  assert(await take(SMALL_BYTES, nobody));
  // The other one would have room, and does not pass by.
  assert.deepEqual(order, []);
  held.keep(2 * MEBIBYTE);
  const large = await served[0];
  assert(large);
  large.keep(0);
  const other = await served[1];
  assert(other);
  other.keep(0);
  held.keep(0);
  assert.deepEqual(order, ["large", "other"]);
});

Deno.test("who waits too long gets nothing, and holds up nobody", async () => {
  const held = await take(20 * MEBIBYTE, nobody);
  assert(held);
  const late = take(20 * MEBIBYTE, nobody, performance.now());
  const behind = take(2 * MEBIBYTE, nobody);
  assert.equal(await late, null);
  const share = await behind;
  assert(share);
  share.keep(0);
  // Twice is once.
  held.keep(0);
  held.keep(0);
  const all = await take(22 * MEBIBYTE, nobody);
  assert(all);
  all.keep(0);
});

Deno.test("who is wanted no more waits no more", async () => {
  const held = await take(20 * MEBIBYTE, nobody);
  assert(held);
  const abort = new AbortController();
  const unwanted = take(20 * MEBIBYTE, abort.signal);
  const behind = take(2 * MEBIBYTE, nobody);
  abort.abort();
  assert.equal(await unwanted, null);
  assert.equal(await take(20 * MEBIBYTE, abort.signal), null);
  const share = await behind;
  assert(share);
  share.keep(0);
  held.keep(0);
  const all = await take(22 * MEBIBYTE, nobody);
  assert(all);
  all.keep(0);
});
