/** A text that keeps its head and its tail when it grows too long, so that output without end costs no memory. */
export class CappedText {
  #head = "";
  #tail = "";
  #length = 0;
  #unseen = 0;
  readonly #half: number;

  /** `most`: the most characters kept, even. */
  constructor(most: number) {
    this.#half = most / 2;
  }

  /** Takes a piece, and returns the part of it that belongs to the head: what can be shown at once. */
  append(text: string): string {
    this.#length += text.length;
    const room = this.#half - this.#head.length;
    const shown = text.slice(0, room);
    this.#head += shown;
    // Trimmed at twice its size, not at every append: a million short lines must not copy the tail a million times.
    this.#tail += text.slice(Math.max(room, text.length - this.#half));
    if (this.#tail.length > 2 * this.#half) {
      this.#tail = this.#tail.slice(-this.#half);
    }
    return shown;
  }

  /** Whether nothing that comes can belong to the head any more. */
  get hasHead(): boolean {
    return this.#head.length === this.#half;
  }

  /** Takes a piece of so many characters behind the head, of which `tail` is the end. */
  appendTail(characters: number, tail: string): void {
    this.append(tail);
    this.#length += characters - tail.length;
  }

  /** Counts characters that were left out before they came here. */
  omit(characters: number): void {
    this.#unseen += characters;
  }

  /** How many characters `toString` leaves out of the middle. */
  get omitted(): number {
    return Math.max(0, this.#length - 2 * this.#half) + this.#unseen;
  }

  /** What comes after the head, once no more will be appended. */
  get rest(): string {
    if (this.omitted === 0) return this.#tail;
    return `\n… ${this.omitted} characters left out …\n${this.#tail.slice(-this.#half)}`;
  }

  toString(): string {
    return this.#head + this.rest;
  }
}

/** A text of at most about `most` characters: its head and its tail. */
export function capped(text: string, most: number): string {
  const kept = new CappedText(most);
  kept.append(text);
  return kept.toString();
}
