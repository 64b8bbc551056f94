/** A stream of events is never silent for long, and its reader is not waited for without end. */
import assert from "node:assert/strict";
import type { ServerEvent } from "../../supabase/functions/_shared/call.ts";
import { ContextError } from "../../supabase/functions/_shared/errors.ts";
import { eventStream } from "../../supabase/functions/_shared/http/event_stream.ts";
import { inFakeTime, type Pass, settled } from "../support/fake_time.ts";

/** What must not be silent for longer, in milliseconds: who has left is found out by the second thing that is said. */
const SILENCE_MILLISECONDS = 1_000;
const COMMENT = ": keep-alive\n\n";

type Tell = (event: ServerEvent) => Promise<void>;

/** The stream of a work that tells when the test says so. */
function begin() {
  const told = Promise.withResolvers<Tell>();
  const end = Promise.withResolvers<ServerEvent>();
  const gone = new AbortController();
  const response = eventStream((tell) => {
    told.resolve(tell);
    return end.promise;
  }, gone);
  return { response, tell: async (event: string) => await (await told.promise)({ event, data: null }), end, gone };
}

/** Reads all that comes, as it comes. */
async function listen(response: Promise<Response>): Promise<{ take(): string; readonly closed: Promise<void> }> {
  const { body } = await response;
  assert(body);
  let text = "";
  const closed = body.pipeThrough(new TextDecoderStream()).pipeTo(
    new WritableStream({
      write: (piece) => {
        text += piece;
      },
    }),
  );
  return {
    take: () => {
      const taken = text;
      text = "";
      return taken;
    },
    closed,
  };
}

async function assertNotSilent(heard: { take(): string }, pass: Pass): Promise<void> {
  for (let turn = 0; turn < 6; turn++) {
    await pass(SILENCE_MILLISECONDS);
    assert.match(heard.take(), /^(: .*\n\n)+$/, `nothing in the ${turn + 1}. second`);
  }
}

Deno.test("a comment comes every second, before the first event and after it", () =>
  inFakeTime(async (pass) => {
    const { response, tell, end, gone } = begin();
    let hasBegun = false;
    void response.then(() => hasBegun = true);
    await pass(SILENCE_MILLISECONDS);
    assert(hasBegun, "silent from the first on");
    const heard = await listen(response);
    await settled();
    assert.equal(heard.take(), COMMENT);
    await assertNotSilent(heard, pass);

    await pass(3_000);
    heard.take();
    await tell("context");
    await settled();
    assert.equal(heard.take(), "event: context\ndata: null\n\n");
    await assertNotSilent(heard, pass);

    end.resolve({ event: "end", data: 1 });
    await heard.closed;
    assert.equal(heard.take(), "event: end\ndata: 1\n\n");
    assert.equal(gone.signal.aborted, false);
  }));

Deno.test("no comment waits behind an event that is not taken", () =>
  inFakeTime(async (pass) => {
    const { response, tell, end } = begin();
    const telling = tell("context");
    await response;
    await pass(14_000);
    const heard = await listen(response);
    await telling;
    await settled();
    assert.equal(heard.take(), "event: context\ndata: null\n\n");
    end.resolve({ event: "end", data: 1 });
    await heard.closed;
  }));

Deno.test("a reader who never reads counts as gone, and the work is not held up", () =>
  inFakeTime(async (pass) => {
    const { response, tell, end, gone } = begin();
    let told = 0;
    const work = (async () => {
      // Small ones are not waited for.
      for (; told < 1_000; told++) await tell("stdout".padEnd(16 * 1024));
      end.resolve({ event: "end", data: 1 });
    })();
    const { body } = await response;
    await pass(14_000);
    assert.deepEqual([told, gone.signal.aborted], [0, false]);
    await pass(1_000);
    assert.equal(gone.signal.aborted, true);
    await work;
    // It must not look like all that there was.
    await settled();
    await assert.rejects(async () => await new Response(body).text());
  }));

Deno.test("so does one who does not even take a comment", () =>
  inFakeTime(async (pass) => {
    const { response, end, gone } = begin();
    await pass(SILENCE_MILLISECONDS + 15_000);
    await response;
    assert.equal(gone.signal.aborted, true);
    end.resolve({ event: "end", data: 1 });
    await settled();
  }));

Deno.test("a failure before the first event is thrown; after it, it is the last event, and not named as the code's exceptions are", async () => {
  const failure = new ContextError("execution_lost", "Broken.");
  const early = begin();
  early.end.reject(failure);
  await assert.rejects(early.response, failure);

  const late = begin();
  const telling = late.tell("context");
  const heard = await listen(late.response);
  await telling;
  late.end.reject(failure);
  await heard.closed;
  assert.equal(
    heard.take(),
    "event: context\ndata: null\n\n" +
      'event: failure\ndata: {"code":"execution_lost","message":"Broken.","retryable":false}\n\n',
  );
});

Deno.test("a caller who has gone before the answer begins gets none, and breaks nothing", async () => {
  const { response, tell, end, gone } = begin();
  gone.abort();
  end.resolve({ event: "end", data: null });
  await tell("context");
  await assert.rejects(response, { code: "cancelled" });
});
