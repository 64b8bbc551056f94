/** The date, in UTC as the ledger has it, so many days from now. */
export function date(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
}
