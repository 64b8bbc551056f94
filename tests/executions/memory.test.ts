/** Shares of what a process may hold: small ones for all, large ones one after the other. */
import assert from "node:assert/strict";
import { leave, SMALL_BYTES, take, takeBeforehand } from "../../supabase/functions/_shared/memory.ts";

const MEBIBYTE = 2 ** 20;
/** Never aborts: whoever waits goes on. */
const nobody = new AbortController().signal;

Deno.test("what has not begun is refused while others hold too much, unless it is small", async () => {
  const requests = [{}, {}, {}];
  const first = takeBeforehand(8 * MEBIBYTE, requests[0]);
  assert(first);
  assert.equal(takeBeforehand(8 * MEBIBYTE, requests[1]), null);
  assert(takeBeforehand(SMALL_BYTES, requests[1]));
  // What has begun still has room.
  const results = await take(8 * MEBIBYTE, nobody);
  assert(results);
  results.keep(0);
  first.keep(0);
  leave(requests[0]);
  const next = takeBeforehand(8 * MEBIBYTE, requests[2]);
  assert(next);
  next.keep(0);
  leave(requests[2]);
});

Deno.test("of several that come in at the same time, half of each by now, the first is served", () => {
  const requests = [{}, {}, {}];
  const halves = requests.map((request) => takeBeforehand(4 * MEBIBYTE, request));
  assert(halves.every((half) => half !== null));
  assert.equal(takeBeforehand(4 * MEBIBYTE, requests[1]), null);
  const rest = takeBeforehand(4 * MEBIBYTE, requests[0]);
  assert(rest);
  for (const share of [...halves, rest]) share.keep(0);
  // Who comes next is the first now.
  leave(requests[0]);
  const more = [takeBeforehand(12 * MEBIBYTE, requests[1]), takeBeforehand(MEBIBYTE, requests[2])];
  assert.deepEqual(more.map((share) => share !== null), [true, false]);
  for (const share of more) share?.keep(0);
  for (const request of requests) leave(request);
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
