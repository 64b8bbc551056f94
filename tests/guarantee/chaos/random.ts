/** Chance that can be repeated: the same seed gives the same sequence. */

export interface Random {
  /** From 0 up to 1. */
  next(): number;
  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number;
  /** One of the items, each as likely as its weight says. */
  pick<Item>(weights: readonly (readonly [weight: number, item: Item])[]): Item;
  /** A generator of its own, which what others draw does not disturb. */
  fork(): Random;
}

/** Mulberry32: 32 bits of state are enough for choosing among faults. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    between: (from, to) => from + Math.floor(next() * (to - from + 1)),
    pick: (weights) => {
      let left = next() * weights.reduce((sum, [weight]) => sum + weight, 0);
      for (const [weight, item] of weights) {
        left -= weight;
        if (left < 0) return item;
      }
      return weights[weights.length - 1][1];
    },
    fork: () => random(Math.floor(next() * 2 ** 32)),
  };
}
