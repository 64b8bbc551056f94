// What a kernel answers to who wants to carry it.

import { inPieces } from "./pieces.mjs";

/** The server takes no more. */
const MAX_WORDS = 400;

/**
 * Says whether all of the kernel can be carried, and with `isWanted` all of it.
 *
 * @param {import("./carrier.mjs").Carrier} carrier
 * @param {boolean} isWanted
 * @param {(type: string, fields?: object) => void} say
 */
export async function carry(carrier, isWanted, say) {
  try {
    const obstacle = await carrier.obstacle();
    if (obstacle !== null) say("obstacle", inShort(obstacle));
    else if (isWanted) { for (const content of inPieces(carrier.dump())) say("piece", { content }); }
  } catch (error) {
    // A cell may have broken anything.
    const why = String(error?.message ?? error).trimEnd().split("\n").at(-1);
    say("obstacle", inShort({ what: "a Python kernel that a cell has broken", why }));
  }
  say("done");
}

function inShort({ what, why }) {
  return { what: what.slice(0, MAX_WORDS), why: why.slice(0, MAX_WORDS) };
}
