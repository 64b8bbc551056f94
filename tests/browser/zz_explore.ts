// deno-lint-ignore-file
import { chromium } from "playwright-core";
import { startFaultyStack } from "/work/main/tests/support/faulty_stack.ts";
import { startSite } from "/work/main/tests/browser/site.ts";
import { connect } from "/work/main/tests/support/rows.ts";
import { eventually } from "/work/main/tests/support/settle.ts";
declare const client: any;
const f = await startFaultyStack();
const sql = connect(f.stack);
const site = startSite(f.stack);
const cfg = await Deno.makeTempDir();
const b = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"], env: {...Deno.env.toObject(), XDG_CONFIG_HOME: cfg}, ignoreDefaultArgs: ["--disable-back-forward-cache"] });
const open = async (ctx: any) => { const p = await ctx.newPage(); p.on("console", (m:any)=>console.log("  [console]", m.text())); await p.goto(site.url); await p.evaluate(async () => { addEventListener("pagehide", (e:any)=>console.log("pagehide persisted="+e.persisted)); addEventListener("pageshow", (e:any)=>console.log("pageshow persisted="+e.persisted)); const {data:{session}} = await client.auth.getSession(); if(!session) await client.auth.signInAnonymously(); }); return p; };
const path = () => ({ conversation_id: "c-"+crypto.randomUUID(), path_id: "main" });
const other = new URL(site.url); other.hostname = "localhost";
try {
  for (const streams of [true, false]) for (const [name, to, mode] of [["cross-site", other.href, "back"], ["cross-site", other.href, "pagehide"], ["cross-site", other.href, ""]]) {
    const ctx = await b.newContext();
    const p = await open(ctx);
    const pa = path();
    const first = await p.evaluate(async (body:any)=> (await client.functions.invoke("execute-code",{body})).data, {...pa, code:"kept='yes'\nn=0"});
    await p.evaluate((o:any) => { const abort = new AbortController(); if (o.mode==="pagehide") addEventListener("pagehide", () => abort.abort()); (globalThis as any).seen = {text: "", all: []}; const seen = (globalThis as any).seen;
      client.functions.invoke("execute-code", { signal: abort.signal, body: o.body, headers: o.streams ? {Accept:"text/event-stream"}: {} }).then(async ({data, error}:any)=>{ seen.error = error && `${error.name} ${error.context}`; if (o.streams) try { for await (const c of data.body.pipeThrough(new TextDecoderStream())) seen.text+=c; seen.done=true } catch (e) { seen.failed = String(e) } else seen.data = data?.execution?.status; });
      }, {streams, mode, body: {...pa, code: "print('begun', flush=True)\nimport time\nwhile True:\n  n += 1\n  print(n, flush=True)\n  time.sleep(0.5)", timeout_ms: 110_000}});
    const status = async () => (await sql`select status from copilot_internal.executions where context_id=${first.context.id} order by started_at`)[1]?.status;
    await eventually("running", 10, async () => await status() === "running");
    const t = performance.now();
    await p.goto(to);
    if (mode === "back") { await new Promise(r=>setTimeout(r,5000)); await p.goBack({waitUntil:"commit"}); await new Promise(r=>setTimeout(r,1500)); console.log("  back after 5 s:", JSON.stringify(await Promise.race([p.evaluate(() => (globalThis as any).seen?.text.slice(-60) ?? (globalThis as any).seen ?? "fresh page"), new Promise(r=>setTimeout(()=>r("evaluate hangs"),3000))])), await status()); await ctx.close(); continue; }
    let t2 = "";
    await eventually("ended", 115, async () => await status() !== "running").catch(e=>t2=String(e));
    console.log(name, mode, streams?"stream":"json", "ended", Math.round(performance.now()-t), "ms as", await status(), t2);
    await ctx.close(); continue;
    console.log("  back:", JSON.stringify(await p.evaluate(() => (globalThis as any).seen ?? "fresh page")));
    await ctx.close();
  }
} finally { await b.close(); await Deno.remove(cfg,{recursive:true}); await sql.end(); await site.stop(); await f.stop(); }
