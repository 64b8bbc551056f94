/** GET terminate-context: whether all is well, for monitors and for Prometheus. */
import assert from "node:assert/strict";
import parse from "parse-prometheus-text-format";
import { z } from "zod";
import type { Health } from "../../supabase/functions/_shared/contract/health.ts";
import { invoke, newPath, service, stop, user } from "../support/clients.ts";
import { addCron } from "../support/cron.ts";
import { stream } from "../support/event_stream.ts";
import { at, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { reachDeadline } from "../support/rows.ts";
import { eventually, sweepNow } from "../support/settle.ts";

const lines: string[] = [];
const faulty = useFaultyStack({ onLog: (line) => lines.push(line) });

const ask = (init: { method?: string; headers?: Record<string, string>; name?: string } = {}) =>
  fetch(`${faulty.stack.apiUrl}/functions/v1/${init.name ?? "terminate-context"}`, {
    method: init.method,
    headers: { apikey: faulty.stack.secretKey, ...init.headers },
  });

async function look(): Promise<{ status: number; health: Health }> {
  const response = await ask();
  return { status: response.status, health: await response.json() };
}

Deno.test("all is well", async () => {
  const path = newPath();
  const client = await user(faulty.stack);
  await invoke(client, "acquire-context", path);
  const running = await stream(client, { ...path, ...quick, code: "console.log(1); await new Promise(() => {})" });
  await running.until("stdout");
  // The ledger has it from the kernel's first word on, beside the stream.
  await eventually("it is noted that it runs", async () => (await look()).health.executions.running === 1);
  await sweepNow(faulty.stack, faulty.sql);

  const response = await ask();
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("Content-Type"), "application/json");
  assert.equal(response.headers.get("Cache-Control"), "no-store");
  const { checked_at, last_sweep_at, contexts, ...health }: Health = await response.json();
  assert.deepEqual(health, {
    is_healthy: true,
    problems: [],
    is_closed: false,
    claims_waiting: { count: 0, oldest_at: null, past_lease: 0 },
    kills_owed: { count: 0, oldest_at: null },
    may_live_until: null,
    executions: { running: 1, lost_in_last_hour: 0 },
    jobs: null,
  });
  const [{ awake }] = await faulty.sql`
    select count(*)::integer as awake from copilot_internal.execution_contexts where terminated_at is null`;
  assert.deepEqual(contexts, { creating: 0, awake, asleep: 0 });
  assert(last_sweep_at !== null && Date.parse(last_sweep_at) <= Date.parse(checked_at));
  await stop(client, path);
  await running.rest();
});

/** A row of an ended context whose kill is owed, or of a claim past its lease. */
const row = (columns: Record<string, unknown>) =>
  faulty.sql`
    insert into copilot_internal.execution_contexts ${
    faulty.sql({ tenant_id: "t", conversation_id: "health", path_id: crypto.randomUUID(), ttl_seconds: 60, ...columns })
  }`;
const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000);
const owed = (minutes: number) =>
  row({
    sandbox_id: crypto.randomUUID(),
    sandbox_status: "terminated",
    activated_at: ago(60),
    expires_at: ago(30),
    terminated_at: ago(minutes),
    termination_reason: "expired",
    // Somebody is at it: no sweep in passing takes it meanwhile.
    kill_attempted_at: new Date(),
  });
const swept = (minutes: number | null) =>
  faulty.sql`update copilot_internal.sweep_place set swept_at = ${minutes === null ? null : ago(minutes)}`;

/** One run of one of pg_cron's jobs. */
const job = async (status: string, minutes: number) => {
  await addCron(faulty.sql);
  await faulty.sql`
    insert into cron.job_run_details
    select 1, jobid, ${status}, ${ago(minutes)}, null from cron.job where jobname = 'copilot-sweep'`;
};

const faults: Record<string, { code: string | null; make: () => Promise<unknown>; message?: RegExp }> = {
  "no sweep yet": { code: "sweep_overdue", make: () => swept(null), message: /yet/ },
  "no sweep for six minutes": { code: "sweep_overdue", make: () => swept(6), message: /for 3[6-9]\d s/ },
  "a sweep four minutes ago": { code: null, make: () => swept(4) },
  "a kill owed for six minutes": {
    code: "kill_overdue",
    make: () => owed(6),
    message: /oldest of 1 kills.* 3[6-9]\d s/,
  },
  "a kill owed for four minutes": { code: null, make: () => owed(4) },
  "a claim three minutes past its lease": {
    code: "claim_overdue",
    make: () => row({ sandbox_status: "creating", expires_at: ago(3) }),
    message: /1 claims/,
  },
  "a claim one minute past its lease": {
    code: null,
    make: () => row({ sandbox_status: "creating", expires_at: ago(1) }),
  },
  "a job that failed": { code: "job_failed", make: () => job("failed", 1), message: /copilot-sweep failed/ },
  "a job that has not run": { code: "job_overdue", make: () => job("succeeded", 10), message: /copilot-sweep/ },
  "a job that runs": { code: null, make: () => job("succeeded", 1) },
};

for (const [name, { code, make, message = /^/ }] of Object.entries(faults)) {
  Deno.test(`${name}: ${code ?? "no problem"}`, async () => {
    await swept(0);
    await make();
    try {
      const { status, health } = await look();
      assert.deepEqual([status, health.is_healthy], code === null ? [200, true] : [503, false]);
      assert.deepEqual(health.problems.map((problem) => problem.code), code === null ? [] : [code]);
      assert.match(health.problems[0]?.message ?? "", message);
      const head = await ask({ method: "HEAD" });
      assert.deepEqual([head.status, await head.text()], [status, ""]);
      // A scrape that fails is no scrape.
      const scrape = await ask({ headers: { accept: "text/plain" } });
      assert.equal(scrape.status, 200);
      assert.match(await scrape.text(), new RegExp(`^execution_contexts_healthy ${code === null ? 1 : 0}$`, "m"));
    } finally {
      await faulty.sql`delete from copilot_internal.execution_contexts where conversation_id = 'health'`;
      await faulty.sql`drop schema if exists cron cascade`;
    }
  });
}

Deno.test("for services only", async () => {
  const { data: { session } } = await (await user(faulty.stack)).auth.getSession();
  const asUser = await ask({
    headers: { apikey: faulty.stack.publishableKey, authorization: `Bearer ${session?.access_token}` },
  });
  const told = await asUser.json();
  assert.deepEqual([asUser.status, told.code, told.retryable], [403, "forbidden", false]);
  for (const apikey of [faulty.stack.publishableKey, "sb_secret_wrong", ""]) {
    const refusal = await ask({ headers: { apikey } });
    await refusal.body?.cancel();
    assert.equal(refusal.status, 401, apikey);
  }
  const { data, error } = await service(faulty.stack).functions.invoke("terminate-context", { method: "GET" });
  assert.equal(error, null);
  assert.equal(data.is_healthy, true);
});

Deno.test("it costs one question of the database, and sweeps nothing", async () => {
  const path = newPath();
  await invoke(await user(faulty.stack), "acquire-context", path);
  await reachDeadline(faulty.sql, path);
  // What follows from the requests before this one, such as a sweep in passing, is over when nothing has come for a while.
  let seen = -1;
  await eventually(
    "all is quiet",
    () => seen === (seen = faulty.database.requests.length + faulty.proxy.requests.length),
    // Longer than a sweep that is still on its way stalls between two of its requests.
    { everyMilliseconds: 2_000 },
  );
  const [questions, calls] = [faulty.database.requests.length, faulty.proxy.requests.length];
  const requestId = crypto.randomUUID();
  const response = await ask({ headers: { "x-request-id": requestId } });
  await response.body?.cancel();
  assert.deepEqual(faulty.database.requests.slice(questions).map(at.health), [true]);
  assert.equal(faulty.proxy.requests.length, calls);
  const logged = () =>
    lines.filter((line) => line.includes(requestId)).map((line) => JSON.parse(line.slice(line.indexOf("{"))));
  await eventually("it is logged", () => logged().length > 0);
  assert.deepEqual(logged().map((line) => [line.function, line.outcome]), [["terminate-context", "ok"]]);
});

Deno.test("a database that does not answer is an error as ever", async () => {
  const down = faulty.database.intercept(at.health, { kind: "answer", status: 503 }, Infinity);
  try {
    for (const accept of ["application/json", "text/plain"]) {
      const response = await ask({ headers: { accept } });
      const told = await response.json();
      assert.deepEqual([response.status, told.code], [503, "database_unavailable"]);
    }
  } finally {
    down.end();
  }
});

Deno.test("other methods are refused, and told which are not", async () => {
  const refusals = [
    ["PUT", "terminate-context", "GET, HEAD, POST, OPTIONS"],
    ["DELETE", "terminate-context", "GET, HEAD, POST, OPTIONS"],
    ["GET", "acquire-context", "POST, OPTIONS"],
    ["HEAD", "execute-code", "POST, OPTIONS"],
  ];
  for (const [method, name, allow] of refusals) {
    const response = await ask({ method, name });
    assert.deepEqual([response.status, response.headers.get("Allow")], [405, allow], `${method} ${name}`);
    if (method !== "HEAD") assert.equal((await response.json()).code, "method_not_allowed");
  }
});

const familySchema = z.object({
  name: z.string().regex(/^execution_contexts_[a-z_]+$/),
  help: z.string().regex(/^[A-Z][^"\\]+\.$/),
  type: z.literal("GAUGE"),
  metrics: z.array(z.object({
    value: z.string().regex(/^\d+(\.\d+)?$/),
    labels: z.partialRecord(z.enum(["state", "trouble"]), z.string()).optional(),
  })),
});

Deno.test("metrics say the same as JSON does", async () => {
  await swept(1);
  await owed(2);
  await row({ sandbox_status: "creating", created_at: ago(3), expires_at: ago(1) });
  await faulty.sql`
    insert into copilot_internal.executions
      (id, context_id, tenant_id, conversation_id, path_id, language, status, deadline_at, finished_at)
    values (gen_random_uuid(), gen_random_uuid(), 't', 'health', 'p', 'python', 'lost', now(), now())`;
  await job("failed", 1);
  try {
    const { health } = await look();
    const scrape = await ask({
      headers: { accept: "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5" },
    });
    assert.equal(scrape.headers.get("Content-Type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert.match(await scrape.text(), /\n# EOF\n$/);
    const plain = await ask({ headers: { accept: "text/plain" } });
    assert.equal(plain.headers.get("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    // The platform's server adds what it varies by itself.
    assert.match(plain.headers.get("Vary") ?? "", /^(Accept-Encoding, )?Accept$/);
    const families = z.array(familySchema).parse(parse(await plain.text()));
    const values = Object.fromEntries(
      families.flatMap(({ name, metrics }) =>
        metrics.map((
          { value, labels = {} },
        ) => [[name.replace("execution_contexts_", ""), ...Object.values(labels)].join(" "), Number(value)])
      ),
    );
    const ages = ["claims_waiting_oldest_age_seconds", "kills_owed_oldest_age_seconds"].map((name) => {
      const { [name]: age } = values;
      delete values[name];
      return Math.floor(age / 60);
    });
    assert.deepEqual(ages, [3, 2]);
    assert.deepEqual(values, {
      healthy: 0,
      closed: 0,
      "active creating": 1,
      "active awake": health.contexts.awake,
      "active asleep": health.contexts.asleep,
      claims_past_lease: 1,
      kills_owed: 1,
      last_sweep_timestamp_seconds: Date.parse(health.last_sweep_at ?? "") / 1000,
      executions_running: 0,
      executions_lost: 1,
      "jobs_in_trouble failed": 1,
      "jobs_in_trouble overdue": 0,
    });
  } finally {
    await faulty.sql`delete from copilot_internal.execution_contexts where conversation_id = 'health'`;
    await faulty.sql`delete from copilot_internal.executions where conversation_id = 'health'`;
    await faulty.sql`drop schema cron cascade`;
  }
});
