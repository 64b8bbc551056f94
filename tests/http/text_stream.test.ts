/** A stream is written as fast as it is read, and a reader who does not read is not waited for without end. */
import assert from "node:assert/strict";
import { TextStream } from "../../supabase/functions/_shared/http/text_stream.ts";
import { inFakeTime, settled } from "../support/fake_time.ts";

function open() {
  const gone = new AbortController();
  const stream = new TextStream(gone);
  const reader = stream.readable.getReader();
  const decoder = new TextDecoder();
  return {
    stream,
    gone,
    reader,
    read: async () => {
      const { done, value } = await reader.read();
      return done ? null : decoder.decode(value);
    },
  };
}

/** A piece that is large enough to be waited for. */
const large = (piece: number) => `${piece}`.padEnd(16 * 1024);

/** Writes large pieces, one after the other, and counts those that were taken. */
function pour(stream: TextStream, pieces: number): { readonly written: number; readonly done: Promise<void> } {
  let written = 0;
  const done = (async () => {
    for (; written < pieces; written++) await stream.write(large(written));
  })();
  return {
    get written() {
      return written;
    },
    done,
  };
}

Deno.test("a writer waits for its reader, piece by piece", async () => {
  const { stream, read } = open();
  const source = pour(stream, 3);
  for (let piece = 0; piece < 3; piece++) {
    await settled();
    assert.equal(source.written, piece);
    assert.equal(stream.isIdle, false);
    assert.equal(await read(), large(piece));
  }
  await source.done;
  assert.equal(stream.isIdle, true);
  await stream.end();
  assert.equal(await read(), null);
});

Deno.test("small pieces are not waited for: the first comes at once, those behind it together", async () => {
  const { stream, read } = open();
  for (const piece of ["a", "b", "c"]) await stream.write(piece);
  assert.equal(await read(), "a");
  assert.equal(stream.isIdle, false);
  assert.equal(await read(), "bc");
  await settled();
  assert.equal(stream.isIdle, true);
  await stream.write("d");
  const ended = stream.end();
  assert.deepEqual([await read(), await read()], ["d", null]);
  await ended;
});

Deno.test("so many small pieces that they are large together are waited for", async () => {
  const { stream, read } = open();
  await stream.write("first");
  await stream.write("x".repeat(16 * 1024 - 1));
  let isWritten = false;
  const writing = stream.write("y").then(() => {
    isWritten = true;
  });
  await settled();
  assert.equal(isWritten, false);
  await read();
  assert.equal((await read())?.length, 16 * 1024);
  await writing;
});

Deno.test("a reader who never reads is given up after 15 s, and costs one piece of memory", () =>
  inFakeTime(async (pass) => {
    const { stream, gone, read } = open();
    const source = pour(stream, 1_000);
    await pass(14_999);
    assert.deepEqual([source.written, gone.signal.aborted], [0, false]);
    await pass(1);
    assert.equal(gone.signal.aborted, true);
    // Who writes need not know.
    await source.done;

    assert.equal(await read(), large(0));
    const next = read();
    next.catch(() => {});
    await settled();
    await stream.end();
    await assert.rejects(next, /gone/);
  }));

Deno.test("a reader who takes each piece within 15 s is not gone, however long all takes", () =>
  inFakeTime(async (pass) => {
    const { stream, gone, read } = open();
    const source = pour(stream, 4);
    for (let piece = 0; piece < 4; piece++) {
      await pass(14_000);
      assert.equal(await read(), large(piece));
    }
    await source.done;
    await pass(60_000);
    assert.equal(gone.signal.aborted, false);
  }));

for (
  const [who, leave] of Object.entries({
    "who leaves": ({ reader }: ReturnType<typeof open>) => reader.cancel(),
    "whom others found gone": ({ gone }: ReturnType<typeof open>) => gone.abort(),
  })
) {
  // In a time that stands still: not because it was given up.
  Deno.test(`a reader ${who} is waited for no longer`, () =>
    inFakeTime(async () => {
      const opened = open();
      const source = pour(opened.stream, 1_000);
      await settled();
      assert.equal(source.written, 0);
      await leave(opened);
      await source.done;
      assert.equal(opened.gone.signal.aborted, true);
      await opened.stream.end();
    }));
}
