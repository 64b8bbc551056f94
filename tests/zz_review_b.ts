import { invoke, newPath, refused, service, user } from "./support/clients.ts";
import { stream } from "./support/event_stream.ts";
import { at, startFaultyStack } from "./support/faulty_stack.ts";
import { connect } from "./support/rows.ts";
const faulty = await startFaultyStack({ functions: 2 });
const sql = connect(faulty.stack);
const client = await user(faulty.stack);
const t = async (name: string, f: () => Promise<unknown>) => {
  const s = performance.now();
  try {
    console.log("##", name, JSON.stringify(await f()), Math.round(performance.now() - s), "ms");
  } catch (e) {
    console.log("##", name, "THREW", String(e).slice(0, 300), Math.round(performance.now() - s));
  }
};
await t("second waiter restarts the kernel under a living run", async () => {
  const path = newPath();
  await invoke(client, "execute-code", { ...path, code: "import time\nkept = 1" });
  const long = await stream(client, { ...path, code: "print('long')\ntime.sleep(30)\nkept", timeout_ms: 60_000 });
  await long.until("stdout");
  const q1 = await invoke(client, "execute-code", { ...path, code: "1", timeout_ms: 300 });
  const q2 = await invoke(client, "execute-code", { ...path, code: "1", timeout_ms: 300 });
  const rest = await long.rest();
  const x = await invoke(client, "execute-code", { ...path, code: "'kept' in globals()" });
  return [q1.execution.kernel_restarted, q2.execution.kernel_restarted, rest, x.execution.results[0]?.text, x.previous];
});
await t("unnoted start -> restart under a run", async () => {
  const path = newPath();
  await invoke(client, "execute-code", { ...path, code: "import time\nkept = 1" });
  faulty.database.intercept(at.start, { kind: "answer", status: 503 }, 3);
  const long = await stream(client, { ...path, code: "print('long')\ntime.sleep(20)\nkept", timeout_ms: 60_000 });
  await long.until("stdout");
  await new Promise((r) => setTimeout(r, 1000));
  const q1 = await invoke(client, "execute-code", { ...path, code: "1", timeout_ms: 300 });
  return [q1.execution.kernel_restarted, (await long.rest()).map((e) => e.data)];
});
await t("release fails -> retryable error, then lost", async () => {
  const body = { ...newPath(), code: "1", idempotency_key: crypto.randomUUID() };
  faulty.database.intercept(at.claim, { kind: "answer", status: 503 }, 3);
  faulty.database.intercept(({ path }) => path.endsWith("/release_execution"), { kind: "answer", status: 503 }, 3);
  const a = await refused(client, "execute-code", body);
  const b = await refused(client, "execute-code", body);
  return [a.body, b.body];
});
await t("finish hangs: answer delayed", async () => {
  const path = newPath();
  await invoke(client, "execute-code", { ...path, code: "1" });
  const h = faulty.database.intercept(at.finish, { kind: "hold" }, 3);
  const s = performance.now();
  const a = await invoke(client, "execute-code", { ...path, code: "1" });
  h.release();
  return [a.execution.duration_ms, Math.round(performance.now() - s)];
});
await t("whole DB hangs after timed-out stubborn run", async () => {
  const path = newPath();
  await invoke(client, "execute-code", { ...path, code: "1" });
  const events = await stream(client, {
    ...path,
    timeout_ms: 1500,
    code: `print("s", flush=True)
while True:
    try:
        while True: pass
    except BaseException: pass`,
  });
  await events.until("stdout");
  await new Promise((r) => setTimeout(r, 500));
  const h = faulty.database.intercept(() => true, { kind: "hold" }, 1000);
  const s = performance.now();
  const end = await events.until("end");
  h.release();
  h.end();
  return [end.data.kernel_restarted, Math.round(performance.now() - s)];
});
await t("DB lost for 16s during keyed run: repeat", async () => {
  const path = newPath();
  const body = { ...path, code: "import time\ntime.sleep(22)\n1", idempotency_key: crypto.randomUUID() };
  const p = invoke(client, "execute-code", body).then((a) => a.execution.status, (e) => String(e).slice(0, 200));
  await new Promise((r) => setTimeout(r, 2000));
  const h = faulty.database.intercept(
    ({ path }) => path.endsWith("/keep_execution"),
    { kind: "answer", status: 503 },
    1000,
  );
  await new Promise((r) => setTimeout(r, 15000));
  h.end();
  const b = await refused(client, "execute-code", body);
  return [b.body, await p];
});
await sql.end();
await faulty.stop();
