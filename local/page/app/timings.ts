/** Where a run's time went before its first word, as the function says it (`Server-Timing`). */

/** By the run's idempotency key. */
const timings = new Map<string, string>();

/** `fetch`, which notes what answers say of their time. */
export const timedFetch: typeof fetch = async (input, init) => {
  const begun = performance.now();
  const response = await fetch(input, init);
  const [, key] = typeof init?.body === "string" ? /"idempotency_key":"([^"]+)"/.exec(init.body) ?? [] : [];
  const told = response.headers.get("server-timing");
  if (key !== undefined && told !== null) timings.set(key, inWords(told, performance.now() - begun));
  return response;
};

/** In words; null where nothing was told. It is forgotten then. */
export function takeTiming(key: string): string | null {
  const told = timings.get(key) ?? null;
  timings.delete(key);
  return told;
}

const NAMES = new Map([["auth", "sign-in"], ["database", "database"], ["provider", "E2B"], ["kernel", "kernel"]]);

function inWords(header: string, total: number): string {
  const parts = Array.from(header.matchAll(/(\w+);dur=([\d.]+)/g), ([, name = "", spent]) => {
    const known = NAMES.get(name);
    return known === undefined ? null : `${known} ${Math.round(Number(spent))} ms`;
  });
  return [`first answer after ${Math.round(total)} ms`, ...parts.filter((part) => part !== null)].join(" · ");
}
