// deno-lint-ignore-file
import { chromium } from "playwright-core";
import { startFaultyStack } from "/work/main/tests/support/faulty_stack.ts";
import { startSite } from "/work/main/tests/browser/site.ts";
import { connect } from "/work/main/tests/support/rows.ts";
import { created } from "/work/main/tests/support/provider.ts";
import { eventually } from "/work/main/tests/support/settle.ts";
declare const client: any;
const f = await startFaultyStack({ env: { CONVERSATION_QUOTA: "1" } });
const sql = connect(f.stack);
const site = startSite(f.stack);
const cfg = await Deno.makeTempDir();
const b = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"], env: {...Deno.env.toObject(), XDG_CONFIG_HOME: cfg}, ignoreDefaultArgs: Deno.args.includes("bf") ? ["--disable-back-forward-cache"] : [] });
const open = async (ctx: any) => { const p = await ctx.newPage(); p.on("console", (m:any)=>console.log("  [console]", m.text())); p.on("pageerror", (e:any)=>console.log("  [pageerror]", e)); await p.goto(site.url); await p.evaluate(async () => { const {data:{session}} = await client.auth.getSession(); if(!session) await client.auth.signInAnonymously(); }); return p; };
const path = () => ({ conversation_id: "c-"+crypto.randomUUID(), path_id: "main" });
try {
  const ctx = await b.newContext();
  const p = await open(ctx);
  console.log("1", JSON.stringify(await p.evaluate(async (body:any) => {
    const { data, error, response } = await client.functions.invoke("execute-code", { body });
    const e = performance.getEntriesByType("resource").filter((x:any)=>x.name.includes("execute-code"));
    return { data, error: String(error), st: response?.headers.get("server-timing"), id: response?.headers.get("x-request-id"), all: [...response.headers.keys()], entries: e.map((x:any)=>({ st: x.serverTiming, dur: x.duration, size: x.transferSize, ttfb: x.responseStart-x.requestStart, proto: x.nextHopProtocol, status: x.responseStatus })) };
  }, {...path(), code: "1+1"}), null, 1));
  const conv = path();
  for (const [n, body, headers] of [["unknown", {...path(), code:"1", colour: 1}, {}], ["own id", {...path(), code: "1"}, {"X-Request-Id": "mine-1"}], ["q1", {...conv, code:"1"}, {}], ["q2", {...conv, path_id:"b", code:"1"}, {}], ["q3 stream", {...conv, path_id:"b", code:"1"}, {Accept:"text/event-stream"}], ["badtoken", {...path(), code:"1"}, {Authorization: "Bearer nope"}], ["traceparent", {...path(), code: "1"}, {traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}]] as any) {
    console.log(n, JSON.stringify(await p.evaluate(async ([body, headers]:any) => {
      const { data, error, response } = await client.functions.invoke("execute-code", { body, headers });
      return { error: error && `${error.name}: ${error.message} ctx=${String(error.context)}`, status: response?.status, body: error && response ? await response.json() : undefined, ra: response?.headers.get("retry-after"), id: response?.headers.get("x-request-id"), st: response?.headers.get("server-timing") };
    }, [body, headers])));
  }
  console.log("view", JSON.stringify(await p.evaluate(async () => { const {data, error} = await client.from("execution_contexts").select(); return {n: data?.length, keys: Object.keys(data?.[0] ?? {}), error}; })));
  // aborts
  const check = async (name: string, streams: boolean, leave: (p:any, call:any)=>Promise<any>) => {
    const ctx = await b.newContext();
    const p = await open(ctx); const keeper = await open(ctx);
    const pa = path();
    const first = await p.evaluate(async (body:any)=> (await client.functions.invoke("execute-code",{body})).data, {...pa, code:"kept='yes'\nn=0"});
    const call = await p.evaluateHandle((o:any) => { const abort = new AbortController(); const seen:any = {text:""}; 
      seen.answer = client.functions.invoke("execute-code", { body: o.body, signal: abort.signal, headers: o.streams ? {Accept:"text/event-stream"}: {} });
      if (o.streams) seen.done = seen.answer.then(async ({data}:any)=>{ try { for await (const c of data.body.pipeThrough(new TextDecoderStream())) seen.text+=c; } catch (e) { seen.failed = String(e) } });
      return {abort, seen}; }, {streams, body: {...pa, code: "print('begun', flush=True)\nwhile True: n += 1"}});
    if (streams) await eventually("begun", 10, ()=>call.evaluate((c:any)=>c.seen.text.includes("begun")));
    else await eventually("running", 10, async () => (await sql`select status from copilot_internal.executions where context_id=${first.context.id} order by started_at`)[1]?.status === "running");
    const t = performance.now();
    const said = await leave(p, call);
    const answer = await keeper.evaluate(async (body:any)=> { const {data, error, response} = await client.functions.invoke("execute-code",{body}); return error ? await response.json() : {r: data.execution.results, s: data.execution.status, wc: data.was_created}; }, {...pa, code:"kept, n", timeout_ms: 60000});
    const ms = Math.round(performance.now()-t);
    let led = ""; const t2=performance.now();
    await eventually("ledger", 10, async () => { led = (await sql`select status from copilot_internal.executions where context_id=${first.context.id} order by started_at`).map((r:any)=>r.status).join(); return led.split(",")[1] !== "running"; }).catch(e=>led+=e);
    console.log(name, streams ? "stream":"json", "free after", ms, "ms", JSON.stringify(answer), led, "said", JSON.stringify(said));
    await ctx.close();
  };
  for (const s of [true,false]) {
    await check("abort", s, async (p, call) => await call.evaluate(async (c:any) => { c.abort.abort(); const a = await c.seen.answer; await c.seen.done; return { err: a.error && `${a.error.name} ${a.error.message} ${a.error.context?.name}`, resp: String(a.response), failed: c.seen.failed }; }));
    await check("close tab", s, (p) => p.close());
    await check("reload", s, (p) => p.reload());
    await check("navigate same-site", s, (p) => p.goto(site.url+"?x"));
    await check("navigate about:blank", s, (p) => p.goto("about:blank"));
  }
  Deno.args.includes("bf")&&Deno.exit;
  for (let i=0;i<2;i++) {
    const ctx = await b.newContext(); const tabs = [await open(ctx), await open(ctx)]; const pa = path(); const before = created(f.provider).length; const t=performance.now();
    const as = (await Promise.all(tabs.map(t=>t.evaluate((body:any)=>Promise.all(Array.from({length:10}, async ()=>{ const {data,error,response} = await client.functions.invoke("execute-code",{body}); return error ? await response?.json() ?? String(error) : [data.was_created, data.context.id, data.execution.results[0].text]; })), {...pa, code: "globals().setdefault('n', []).append(1)\nlen(n)"})))).flat();
    console.log("20:", Math.round(performance.now()-t), "ms; created", created(f.provider).length-before, JSON.stringify(as.map((a:any)=>a[2]??a)), new Set(as.map((a:any)=>a[1])).size);
    await ctx.close();
  }
} finally { await b.close(); console.log(cfg, [...Deno.readDirSync(cfg)].map(x=>x.name)); await Deno.remove(cfg,{recursive:true}); await sql.end(); await site.stop(); await f.stop(); }
