/** A short, seeded round of hostile requests. `deno task fuzz` is the long one. */
import assert from "node:assert/strict";
import { useStack } from "../support/stack.ts";
import { ENVIRONMENT, fuzz } from "./fuzz/fuzz.ts";

const lines: string[] = [];
const local = useStack({ functions: 2, env: ENVIRONMENT, onLog: (line) => lines.push(line) });

Deno.test("hostile requests break nothing, and a bystander of another tenant notices nothing", async () => {
  const options = { seed: 20261124, requests: 1_000, atOnce: 16, largest: 8 * 2 ** 20 };
  const report = await fuzz({ stack: local.stack, sql: local.sql, lines }, options);
  console.log(
    `${report.requests} requests; the bystander's slowest of ${report.bystander.calls} calls took ` +
      `${report.bystander.worst_ms} ms`,
  );
  assert.deepEqual(report.failures, []);
  assert(report.bystander.calls > 0 && report.paths > 1);
});
