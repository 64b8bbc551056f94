/**
 * Where a function's answer passes two workers' HTTP layers on its way, neither of which looks whether anybody is still
 * there: each learns it when it writes. (`ext/runtime/js/01_http.js` and `ext/workers/user_workers.js` of
 * supabase/edge-runtime: Deno's old `HttpConn`, twice, and no signal from one to the other.)
 */

type Piece = Uint8Array<ArrayBuffer>;

/** The main worker's write to the caller fails first, then the user worker's write to the main worker. */
const HOPS = 2;

/**
 * The same body, for a server that cancels it as soon as the caller leaves. The function hears of that only when it has
 * produced as many more pieces as there are hops; if it ends before that, never.
 * @param onNoticed called when it hears
 * @returns besides, what settles when the function's body is over, in whichever way
 */
export function throughHops(
  body: ReadableStream<Piece>,
  onNoticed: (reason: unknown) => void,
): { readonly body: ReadableStream<Piece>; readonly over: Promise<unknown> } {
  const source = body.getReader();
  // The caller may leave while a piece is waited for: that is the first one that is lost.
  let reading: Promise<ReadableStreamReadResult<Piece>> | undefined;
  const read = () => {
    reading ??= source.read().finally(() => reading = undefined);
    return reading;
  };
  let left = false;
  const writeInVain = async (reason: unknown) => {
    for (let hop = 0; hop < HOPS; hop++) if ((await read()).done) return;
    onNoticed(reason);
    await source.cancel(reason);
  };
  const passed = new ReadableStream<Piece>({
    pull: async (controller) => {
      const { done, value } = await read();
      if (left) return;
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => {
      left = true;
      // What fails now is heard by nobody.
      writeInVain(reason).catch(() => {});
    },
  }, { highWaterMark: 0 });
  return { body: passed, over: source.closed };
}
