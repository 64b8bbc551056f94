/**
 * A script on Node or Bun: a file in, words as they are printed, a file out. Beside `npx -y deno task start`, and in a
 * folder with both packages: `npx -y deno task pack` makes the client's, which is not published yet, so
 * `npm install @supabase/supabase-js <that tarball>`; then `node script.mjs`. Node 20 has no WebSocket, which supabase-js
 * wants and this does not use: there it gets one that is none.
 */
import { createClient } from "@supabase/supabase-js";
import { executionContexts } from "execution-contexts-client";
import { writeFile } from "node:fs/promises";

const { API_URL = "http://127.0.0.1:54321", PUBLISHABLE_KEY = "sb_publishable_local_development_only" } = process.env;

const supabase = createClient(API_URL, PUBLISHABLE_KEY, {
  realtime: { transport: globalThis.WebSocket ?? class {} },
});
const { error } = await supabase.auth.signInAnonymously();
if (error) throw error;
const path = executionContexts(supabase).path({ conversation_id: crypto.randomUUID(), path_id: "main" });

const code = `
import csv, json
rows = list(csv.DictReader(open("sales.csv")))
for row in rows:
    print(row["month"], row["sales"])
total = sum(int(row["sales"]) for row in rows)
json.dump({"total": total}, open("report.json", "w"))
total`;
const running = path.execute(code, {
  files: [{ path: "sales.csv", content: "month,sales\nMay,40\nJune,2\n" }],
  outputs: ["report.json"],
});
for await (const { event, data } of running) if (event === "stdout") process.stdout.write(data.text);

const { execution } = await running;
if (execution.error) throw new Error(execution.error.traceback);
console.log("total", execution.results[0].text);
const [report] = execution.outputs;
await writeFile("report.json", Buffer.from(report.content_base64, "base64"));
await path.terminate();
await supabase.auth.signOut();
