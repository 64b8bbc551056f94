/** Why nothing was changed, in words for whoever asked. */
export class Refusal extends Error {
  /** @param reasons one a line */
  constructor(readonly reasons: readonly string[]) {
    super(reasons.join("\n"));
    this.name = "Refusal";
  }
}
