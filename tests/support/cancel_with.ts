/**
 * Has a body's reader leave when the signal of its `fetch` is aborted. The signal alone does not always do that: now and
 * then Deno's `fetch` goes on reading, and its connection stays.
 */
export function cancelWith(signal: AbortSignal, reader: ReadableStreamDefaultReader<Uint8Array>): void {
  const leave = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", leave);
  if (signal.aborted) leave();
}
