/** A dry deployment: the real `supabase functions deploy --use-api` against a mock of the Management API. */
import assert from "node:assert/strict";
import { missingCli, supabase } from "../support/supabase_cli.ts";

const missing = await missingCli();

/** What each function needs, under `supabase/functions/`; nothing else may be uploaded. */
const SHARED = [
  "background",
  "body",
  "call",
  "caller",
  "config",
  "context_store",
  "contract",
  "database.types",
  "endpoint",
  "errors",
  "event_stream",
  "execution",
  "execution_store",
  "kills",
  "live_sandbox",
  "log",
  "provider_errors",
  "rpc",
  "sandboxes",
  "sweep",
  "text_stream",
  "trace",
];
const UPLOADS: Record<string, string[]> = {
  "acquire-context": [...SHARED, "acquire", "pause", "view"],
  "execute-code": [
    ...SHARED,
    "acquire",
    "capped_text",
    "env_vars",
    "escaped_text",
    "execute",
    "files",
    "interruption",
    "kernel",
    "lines",
    "once",
    "pause",
    "run",
    "run_record",
    "transcript",
    "view",
  ],
  "terminate-context": [...SHARED, "terminate"],
};

Deno.test({
  name: `the functions deploy, each with exactly its files${missing ? ` (skipped: ${missing})` : ""}`,
  ignore: missing !== null,
  fn: async () => {
    const deployed = new Map<string, { files: string[]; metadata: Record<string, unknown> }>();
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
      const url = new URL(request.url);
      const slug = url.searchParams.get("slug");
      if (request.method !== "POST" || slug === null) return Response.json([]);
      const form = await request.formData();
      const metadata = form.get("metadata");
      assert(typeof metadata === "string");
      const files = form.getAll("file").map((file) => file instanceof File ? file.name : file);
      deployed.set(slug, { files, metadata: JSON.parse(metadata) });
      return Response.json({ id: slug, slug, name: slug, status: "ACTIVE", version: 1 }, { status: 201 });
    });
    const origin = `http://127.0.0.1:${server.addr.port}`;
    const profile = await Deno.makeTempFile({ suffix: ".yaml" });
    try {
      await Deno.writeTextFile(
        profile,
        `name: mock\napi_url: ${origin}\ndashboard_url: ${origin}\nproject_host: mock.invalid\n`,
      );
      const { code, output } = await supabase(
        ["functions", "deploy", "--use-api", "--profile", profile, `--remote=${"a".repeat(20)}`, "--yes"],
        { SUPABASE_ACCESS_TOKEN: `sbp_${"0".repeat(40)}` },
      );
      assert.equal(code, 0, output);
      // The CLI only warns of an import that it cannot find, and deploys a function that cannot start.
      assert.doesNotMatch(output, /WARN/);
    } finally {
      await Deno.remove(profile);
    }

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
  },
});
