/** The same with the client. */
import type { SupabaseClient } from "@supabase/supabase-js";
import { jsonSchema } from "ai";
import { Buffer } from "node:buffer";
import { codeTool, type ExecuteResult, executionContexts, type PathKey, type ToldEvent } from "../../../client/mod.ts";

const pathOf = (supabase: SupabaseClient, path: PathKey) => executionContexts(supabase).path(path);

// ── run code ──
export async function run(supabase: SupabaseClient, path: PathKey, code: string): Promise<ExecuteResult["execution"]> {
  return (await pathOf(supabase, path).execute(code)).execution;
}
// ── stream ──
export async function* stream(supabase: SupabaseClient, path: PathKey, code: string): AsyncGenerator<ToldEvent> {
  for await (const event of pathOf(supabase, path).execute(code)) yield event;
}
// ── run once, whatever breaks ──
export async function once(supabase: SupabaseClient, path: PathKey, code: string): Promise<ExecuteResult> {
  return await pathOf(supabase, path).execute(code);
}
// ── files in and out ──
export async function files(supabase: SupabaseClient, path: PathKey, code: string, bytes: Uint8Array) {
  const files = [{ path: "in.bin", content_base64: Buffer.from(bytes).toString("base64") }];
  const { execution } = await pathOf(supabase, path).execute(code, { files, outputs: ["out.bin"] });
  const [output] = execution.outputs;
  if (output.status !== "ok") throw new Error(`${output.path}: ${output.status}`);
  return Buffer.from(output.content_base64, "base64");
}
// ── stop ──
export async function stop(supabase: SupabaseClient, path: PathKey, code: string, signal: AbortSignal): Promise<void> {
  await pathOf(supabase, path).execute(code, { signal });
}
// ── a tool for a model ──
export function tool(supabase: SupabaseClient, path: PathKey) {
  return codeTool(pathOf(supabase, path)).forAiSdk(jsonSchema);
}
