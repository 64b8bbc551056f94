/** What the Supabase CLI would deploy. */
import assert from "node:assert/strict";
import { needing } from "../support/needs.ts";
import { deployDry } from "./dry_deployment.ts";

const { test } = await needing("the Supabase CLI");

/** What each function needs, under `supabase/functions/`; nothing else may be uploaded. */
const SHARED = [
  "background",
  "call",
  "caller",
  "config",
  "errors",
  "json_values",
  "log",
  "memory",
  "messages",
  "trace",
  "trace_context",
  "worker",
  "contexts/context_call",
  "contexts/context",
  "contexts/context_store",
  "contexts/health_row",
  "contexts/kills",
  "contexts/path_key",
  "contexts/sweep",
  "contract/acquire_context",
  "contract/error",
  "contract/execute_code",
  "contract/file",
  "contract/path",
  "contract/state",
  "contract/terminate_context",
  "database/rpc",
  "database/types",
  "executions/execution_call",
  "executions/execution_store",
  "executions/key_store",
  "http/body",
  "http/endpoint",
  "http/perform",
  "sandbox/addresses",
  "sandbox/live_sandbox",
  "sandbox/provider_api",
  "sandbox/provider_errors",
  "sandbox/query",
  "sandbox/sandboxes",
  "sandbox/sealed_access",
  "sandbox/send",
];
/** For what answers JSON, or a stream of events. */
const POSTING = ["http/event_stream", "http/json_response", "http/post", "http/text_stream"];
/** For what gets a path its context. */
const ACQUIRING = [
  ...SHARED,
  "pause",
  "contexts/acquire",
  "contexts/branch",
  "contexts/create",
  "contexts/loss",
  "contexts/reach",
  "contexts/refusal",
  "contexts/view",
  "contexts/waiting",
];
/** For what runs code. */
const EXECUTING = [
  ...ACQUIRING,
  "executions/aftercare",
  "executions/capped_text",
  "executions/closed_kernel",
  "executions/execute",
  "executions/expectation",
  "executions/interruptible",
  "executions/interruption",
  "executions/nesting",
  "executions/once",
  "executions/run",
  "executions/run_in_sandbox",
  "executions/run_memory",
  "executions/run_on_path",
  "executions/run_record",
  "executions/stop_watch",
  "executions/transcript",
  "sandbox/env_vars",
  "sandbox/escaped_text",
  "sandbox/files",
  "sandbox/kernel",
  "sandbox/kernel_control",
  "growing_bytes",
  "sandbox/lines",
  "sandbox/pieces",
];
const UPLOADS: Record<string, string[]> = {
  "acquire-context": [...POSTING, ...ACQUIRING],
  "execute-code": [...POSTING, ...EXECUTING],
  mcp: [
    ...EXECUTING,
    "contexts/terminate",
    "http/event_stream",
    "http/text_stream",
    "mcp/branch",
    "mcp/cancel",
    "mcp/download_file",
    "mcp/file_field",
    "mcp/headers",
    "mcp/notes",
    "mcp/path_field",
    "mcp/progress",
    "mcp/relay",
    "mcp/restart",
    "mcp/run",
    "mcp/run_code",
    "mcp/serve",
    "mcp/server",
    "mcp/session",
    "mcp/text_budget",
    "mcp/tool",
    "mcp/transfer",
    "mcp/upload_file",
    "version",
    "words/answer",
    "words/budget",
    "words/state_memory",
    "words/table",
  ],
  "terminate-context": [
    ...SHARED,
    ...POSTING,
    "contexts/health",
    "contexts/terminate",
    "contract/health",
    "executions/stop",
    "http/accept",
    "http/get",
    "http/health_metrics",
    "http/health_response",
    "http/metrics_text",
  ],
};

test("the functions deploy, each with exactly its files", async () => {
  const deployed = await deployDry();
  assert.deepEqual([...deployed.keys()].sort(), Object.keys(UPLOADS).sort());
  for (const [name, { files, metadata }] of deployed) {
    const expected = [
      "supabase/functions/deno.json",
      `supabase/functions/${name}/index.ts`,
      ...UPLOADS[name].map((module) => `supabase/functions/_shared/${module}.ts`),
    ];
    assert.deepEqual(files.sort(), expected.sort(), name);
    assert.equal(metadata.verify_jwt, false, name);
    assert.equal(metadata.import_map_path, "supabase/functions/deno.json", name);
  }
});
