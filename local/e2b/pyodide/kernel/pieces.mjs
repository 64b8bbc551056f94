/** Each becomes a line for the server, which refuses long ones. Of a length that Base64 needs no padding for. */
const PIECE_BYTES = 768 * 1024;

/**
 * Bytes in Base64, however they were cut.
 *
 * @param {Iterable<Uint8Array>} parts that follow one another
 */
export function* inPieces(parts) {
  let piece = new Uint8Array(PIECE_BYTES);
  let filled = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length;) {
      const taken = part.subarray(at, at + PIECE_BYTES - filled);
      piece.set(taken, filled);
      at += taken.length;
      filled += taken.length;
      if (filled < PIECE_BYTES) continue;
      yield piece.toBase64();
      piece = new Uint8Array(PIECE_BYTES);
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled).toBase64();
}
