/** Answers in JSON. A large one is written piece by piece, as it is taken: whole, it would be in memory as text and as bytes. */
import { type Bytes, TAKING_MILLISECONDS } from "./text_stream.ts";

/** How much of it is written at once, in characters. */
const PIECE_CHARACTERS = 64 * 1024;
/** How deep what is large is looked for: a format of a result lies so deep. */
const DEPTH = 4;

/** Answers with a value. Of what is large in it no second copy is made. */
export function jsonResponse(value: object): Response {
  const headers = { "Content-Type": "application/json" };
  const texts = gathered(pieces(value, DEPTH));
  const first = texts.next().value ?? "";
  // One that is short has a length, and is no stream.
  if (first.length < PIECE_CHARACTERS) return new Response(first, { headers });
  const encoder = new TextEncoder();
  let patience: ReturnType<typeof setTimeout> | undefined;
  const write = (controller: ReadableStreamDefaultController<Bytes>, text: string) => {
    controller.enqueue(encoder.encode(text));
    // What nobody reads must not stay for as long as the worker.
    patience = setTimeout(() => {
      texts.return(undefined);
      controller.error(new Error("The caller does not read the answer."));
    }, TAKING_MILLISECONDS);
  };
  const body = new ReadableStream<Bytes>({
    start: (controller) => write(controller, first),
    pull: (controller) => {
      clearTimeout(patience);
      const { done, value } = texts.next();
      if (done) controller.close();
      else write(controller, value);
    },
    cancel: () => {
      clearTimeout(patience);
      texts.return(undefined);
    },
  });
  return new Response(body, { headers });
}

/** Joins texts to such as are worth writing: all of them but the last are at least as long as a piece. */
function* gathered(texts: Iterable<string>): Generator<string, undefined> {
  let all = "";
  for (const text of texts) {
    all += text;
    if (all.length < PIECE_CHARACTERS) continue;
    yield all;
    all = "";
  }
  if (all !== "") yield all;
}

/** The texts that a value's JSON is made of. */
function* pieces(value: unknown, depth: number): Generator<string, undefined> {
  if (typeof value === "string" && value.length > PIECE_CHARACTERS) {
    yield '"';
    for (let start = 0; start < value.length; start += PIECE_CHARACTERS) {
      // A pair of surrogates that is parted becomes two escapes, and the same character to whoever reads them.
      yield JSON.stringify(value.slice(start, start + PIECE_CHARACTERS)).slice(1, -1);
    }
    yield '"';
  } else if (depth === 0 || !hasInside(value)) {
    yield JSON.stringify(value) ?? "null";
  } else if (Array.isArray(value)) {
    let before = "[";
    for (const item of value) {
      yield before;
      yield* pieces(item, depth - 1);
      before = ",";
    }
    yield "]";
  } else {
    let before = "{";
    for (const [name, field] of Object.entries(value)) {
      if (field === undefined) continue;
      yield `${before}${JSON.stringify(name)}:`;
      yield* pieces(field, depth - 1);
      before = ",";
    }
    yield before === "{" ? "{}" : "}";
  }
}

/** Whether a value may hold what is large. */
function hasInside(value: unknown): value is object {
  return value instanceof Object &&
    (Array.isArray(value) ? value : Object.values(value)).some((inside) =>
      inside instanceof Object || (typeof inside === "string" && inside.length > PIECE_CHARACTERS)
    );
}
