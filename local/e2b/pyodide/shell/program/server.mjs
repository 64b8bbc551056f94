// The talk with the server, one JSON object a line. Nothing else may be written to stdout.

import { createInterface } from "node:readline";
import { stdin, stdout } from "node:process";

const asked = new Map();
let lastId = 0;

/** Says something to the server. */
export function tell(message) {
  stdout.write(`${JSON.stringify(message)}\n`);
}

/**
 * Asks the server for something with files, and resolves to its answer.
 *
 * @param {string} op
 * @param {string} path absolute and resolved
 * @param {object} [more]
 */
export function ask(op, path, more) {
  const id = ++lastId;
  return new Promise((resolve, reject) => {
    asked.set(id, { resolve, reject });
    tell({ type: "file", id, op, path, ...more });
  });
}

/** What the server says, but for its answers. Ends when it is gone. */
export async function* commands() {
  for await (const line of createInterface({ input: stdin, crlfDelay: Infinity, terminal: false })) {
    const message = JSON.parse(line);
    if (message.type === "answer") answered(message);
    else yield message;
  }
}

function answered({ id, value, error }) {
  const { resolve, reject } = asked.get(id);
  asked.delete(id);
  if (error === undefined) resolve(value);
  else reject(Object.assign(new Error(error.message), { code: error.code }));
}
