/** A snapshot as its file has it: what comes back is what went in, also where memory was in use before. */
import assert from "node:assert/strict";
import { openFile, pack, restore } from "../../local/e2b/pyodide/kernel/sparse.mjs";

/** As Pyodide has it: a header, whose second word says where Python's memory begins, and the memory. */
const HEADER = 5_008;
const MEMORY = 12 * 4_096;

Deno.test("a snapshot is restored, header and memory, over what was there", async () => {
  const snapshot = new Uint8Array(HEADER + MEMORY);
  new Uint32Array(snapshot.buffer).set([7, HEADER]);
  snapshot.fill(1, HEADER - 3, HEADER + 3);
  // A run of blocks, a gap, and the very end.
  snapshot.fill(2, HEADER + 2 * 4_096 + 11, HEADER + 5 * 4_096 + 7);
  snapshot[snapshot.length - 1] = 3;

  const pieces = pack(snapshot);
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  assert(size < snapshot.length, "zeros are left out");
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, new Blob(pieces.map((piece) => new Uint8Array(piece))).stream());
    const memory = new Int8Array(MEMORY).fill(9);
    using file = openFile(path);
    const header = await restore(file.read, (given) => {
      assert.equal(given.length, snapshot.length);
      memory.set(given.subarray(HEADER));
      return Promise.resolve(given.slice(0, HEADER));
    });
    assert.deepEqual(header, snapshot.subarray(0, HEADER));
    assert.deepEqual(new Uint8Array(memory.buffer), snapshot.subarray(HEADER));
    // Nothing else is touched, then or later.
    memory.set([4, 5]);
    assert.deepEqual([...memory.subarray(0, 2)], [4, 5]);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("a header and a memory apart are packed as if they were in one", () => {
  for (const length of [HEADER, 2 * 4_096]) {
    const whole = new Uint8Array(length + MEMORY);
    whole.fill(1, 5, 90);
    whole.fill(2, length - 2, length + 3);
    whole.fill(3, length + 3 * 4_096, length + 7 * 4_096);
    const bytes = (pieces: Uint8Array[]) => pieces.flatMap((piece) => [...piece]);
    const apart = bytes(pack(whole.slice(0, length), whole.slice(length)));
    // One run may be told as two where they meet.
    assert.deepEqual(apart.slice(-100), bytes(pack(whole)).slice(-100));
    assert.deepEqual(unpacked(apart), whole);
  }
});

/** What a form stands for, read as it is described. */
function unpacked(form: number[]): Uint8Array {
  const bytes = Uint8Array.from(form);
  const [length = 0, runs = 0, ...places] = new Uint32Array(bytes.buffer.slice(0, 4 * Math.floor(bytes.length / 4)));
  const result = new Uint8Array(length);
  for (let run = 0, at = 4 * (2 + 2 * runs); run < runs; run++) {
    const from = (places[2 * run] ?? 0) * 4_096;
    const size = Math.min((places[2 * run + 1] ?? 0) * 4_096, length - from);
    result.set(bytes.subarray(at, at += size), from);
  }
  return result;
}
