/**
 * Which tests were skipped, and why: in words, from the report that `deno test --junit-path` writes. Nothing where it
 * came to no report.
 */
export function skipped(report: string): string {
  if (report === "") return "";
  const reasons = new Map<string, number>();
  for (const [, escaped] of report.matchAll(/<testcase name="([^"]*)"[^>]*>\s*<skipped\/>/g)) {
    const reason = /\(skipped: (.*)\)$/.exec(unescape(escaped))?.[1] ?? "a flag leaves them out";
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  if (reasons.size === 0) return "Nothing was skipped.";
  return ["Skipped:", ...[...reasons].map(([reason, count]) => `  ${count} because ${reason}`)].join("\n");
}

function unescape(text: string): string {
  const entities: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => entities[name]);
}
