/** "Monitors": what the document has a shell and Prometheus ask. */
import assert from "node:assert/strict";
import { needing } from "../support/needs.ts";
import { useStack } from "../support/stack.ts";
import { codeUnder } from "./document.ts";

const { test } = await needing("curl");
const local = useStack();

async function shell(command: string): Promise<{ code: number; output: string }> {
  const { code, stdout } = await new Deno.Command("sh", {
    args: ["-c", command],
    env: { API_URL: local.stack.apiUrl, SECRET_KEY: local.stack.secretKey },
    stderr: "null",
  }).output();
  return { code, output: new TextDecoder().decode(stdout) };
}

test("Monitors: curl is told how it stands, and fails where something is wrong", async () => {
  const [command] = await codeUnder("Monitors", "sh");
  await local.sql`select public.copilot_note_sweep()`;
  const well = await shell(command);
  assert.deepEqual([well.code, JSON.parse(well.output).problems], [0, []]);
  await local.sql`update copilot_internal.sweep_place set swept_at = null`;
  const ill = await shell(command);
  // What curl says of a status over 400.
  assert.equal(ill.code, 22);
  assert.equal(JSON.parse(ill.output).problems[0].code, "sweep_overdue");
});

test("Close and open: by curl", async () => {
  const [command] = await codeUnder("Close and open", "sh");
  for (const isClosed of [true, false]) {
    const { code, output } = await shell(command.replace("true", String(isClosed)));
    assert.deepEqual([code, JSON.parse(output)], [0, isClosed]);
    const [{ is_closed }] = await local.sql`select is_closed from public.copilot_health()`;
    assert.equal(is_closed, isClosed);
  }
});

Deno.test("Prometheus: its scrape is answered", async () => {
  const [config] = await codeUnder("Prometheus", "yaml");
  const [, path] = /metrics_path: (\S+)/.exec(config) ?? [];
  const [, header] = /http_headers:\n\s+(\S+):\n/.exec(config) ?? [];
  assert(path && header);
  const response = await fetch(local.stack.apiUrl + path, {
    headers: {
      [header]: local.stack.secretKey,
      // As Prometheus 3 does.
      accept:
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    },
  });
  assert.equal(response.status, 200);
  assert.match(await response.text(), /^# TYPE execution_contexts_healthy gauge$/m);
});
