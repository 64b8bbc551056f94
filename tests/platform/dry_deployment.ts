/** A dry deployment: the real `supabase functions deploy --use-api` against a mock of the Management API. */
import assert from "node:assert/strict";
import { z } from "zod";
import { supabase } from "../support/supabase_cli.ts";

export interface Deployed {
  /** As they are named in the upload: from the project's folder on. */
  readonly files: string[];
  readonly metadata: { readonly verify_jwt?: boolean; readonly import_map_path?: string };
}

const metadataSchema = z.looseObject({ verify_jwt: z.boolean().optional(), import_map_path: z.string().optional() });

/** What would be deployed, by the function's name: all of a project's, or those that are named. */
export async function deployDry(directory?: string, names: readonly string[] = []): Promise<Map<string, Deployed>> {
  const deployed = new Map<string, Deployed>();
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const url = new URL(request.url);
    const slug = url.searchParams.get("slug");
    if (request.method !== "POST" || slug === null) return Response.json([]);
    const form = await request.formData();
    const metadata = metadataSchema.parse(JSON.parse(String(form.get("metadata"))));
    const files = form.getAll("file").map((file) => file instanceof File ? file.name : file);
    deployed.set(slug, { files, metadata });
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
      ["functions", "deploy", ...names, "--use-api", "--profile", profile, `--remote=${"a".repeat(20)}`, "--yes"],
      { SUPABASE_ACCESS_TOKEN: `sbp_${"0".repeat(40)}` },
      directory,
    );
    assert.equal(code, 0, output);
    // The CLI only warns of an import that it cannot find, and deploys a function that cannot start.
    assert.doesNotMatch(output, /WARN/);
  } finally {
    await Deno.remove(profile);
  }
  return deployed;
}
