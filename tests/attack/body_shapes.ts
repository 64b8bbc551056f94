/** Bodies that cost more than others of their size: each is of about the size that is asked for. */

const start = '{"conversation_id":"c","path_id":"p","code":"1"';

/** Between the fields that a request must have and its end: `filler` as often as there is room for it. */
function body(head: string, filler: string, tail: string) {
  return (bytes: number): string => {
    const frame = start.length + head.length + tail.length + 1;
    const times = Math.floor((bytes - frame) / new TextEncoder().encode(filler).length);
    return `${start}${head}${filler.repeat(times)}${tail}}`;
  };
}

/** As `body`, where no two fillers may be the same. */
function numbered(head: string, filler: (index: number) => string, tail: string) {
  return (bytes: number): string => {
    const pieces: string[] = [];
    let left = bytes - start.length - head.length - tail.length - 1;
    for (let index = 0;; index++) {
      const piece = filler(index);
      left -= piece.length + 1;
      if (left < 0) break;
      pieces.push(piece);
    }
    return `${start}${head}${pieces.join(",")}${tail}}`;
  };
}

const file = (content: string) => `,"files":[{"path":"a","content_base64":"${content}`;

export const shapes: Readonly<Record<string, (bytes: number) => string>> = {
  "base64 of padding, and then not": body(file(""), "=", 'x"}]'),
  "base64 with padding before its end": body(file("AA"), "==AA", '"}]'),
  "base64 that is none at its end": body(file(""), "AAAA", 'A!AA"}]'),
  "base64 of white space": body(file(""), "\\n", '"}]'),
  "base64 that is too much": body(file(""), "AAAA", '"}]'),
  "content that is too much, in two bytes each": body(',"files":[{"path":"a","content":"', "é", '"}]'),
  "content of escapes": body(',"files":[{"path":"a","content":"', "\\u0001", '"},{"path":"/","content":""}]'),
  "an output of slashes": body(',"outputs":["', "/", '"]'),
  "an output of line ends": body(',"outputs":["a', "\\n", '"]'),
  "files of nothing": body(',"files":[{}', ",{}", "]"),
  "one file of many fields": numbered(',"files":[{', (index) => `"k${index}":1`, "}]"),
  "environment of bad names": numbered(',"envs":{', (index) => `"-${index}":""`, "}"),
  "environment of good names": numbered(',"envs":{', (index) => `"A${index}":""`, "}"),
  "environment of one long name": body(',"envs":{"', "A", '":""}'),
  "environment of one long number": body(',"envs":{"', "1", 'x":""}'),
  "environment of one long value": body(',"envs":{"A":"', "é", '"}'),
  "environment of text": body(',"envs":"', "a", '"'),
  "name that R hardly reads": body(',"language":"r","envs":{"NA_', "a", '-":""}'),
  "an unknown field of a long name": body(',"', "x", '":1'),
  "unknown fields": numbered(",", (index) => `"k${index}":1`, ""),
  "code of white space": body(',"code":"', " ", '"'),
  "an id of characters of two units": body(',"path_id":"', "😀", '"'),
  "a language of its own": body(',"language":"', "python", '"'),
  "a number of digits": body(',"timeout_ms":', "1", ""),
  "a number of many places": body(',"timeout_ms":1.', "1", "e9"),
  "lists in lists": (bytes) => "[".repeat(bytes / 2) + "]".repeat(bytes / 2),
  "objects in objects": body(',"envs":{"a":', '{"a":', `1${"}".repeat(2 ** 17)}`),
  "many values": body(',"code":[0', ",0", "]"),
  "quotes alone": (bytes) => '"'.repeat(bytes),
  "backslashes alone": (bytes) => `"${"\\".repeat(bytes - 1)}`,
  "white space alone": (bytes) => " ".repeat(bytes),
  "numbers for names": numbered(',"envs":{', (index) => `"${index * 65_536}":""`, "}"),
};

export type FunctionName = "execute-code" | "acquire-context" | "terminate-context";

/** Which shapes which function is tried with: what they share needs to be tried once. */
export const attempts: readonly { readonly name: FunctionName; readonly shape: string }[] = [
  ...Object.keys(shapes).map((shape) => ({ name: "execute-code" as const, shape })),
  ...(["acquire-context", "terminate-context"] as const).flatMap((name) =>
    ["an unknown field of a long name", "unknown fields", "an id of characters of two units"]
      .map((shape) => ({ name, shape }))
  ),
];
