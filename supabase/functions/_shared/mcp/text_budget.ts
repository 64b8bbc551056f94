/** Most of an answer's text, in tokens: what a model reads, it cannot read for anything else. */
export const MOST_TOKENS = 4_000;
