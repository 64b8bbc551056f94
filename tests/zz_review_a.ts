import { invoke, newPath, refused, service, user } from "./support/clients.ts";
import { at, startFaultyStack } from "./support/faulty_stack.ts";
import { connect } from "./support/rows.ts";
const faulty = await startFaultyStack({ env: { SANDBOX_LANGUAGES: "python,javascript" } });
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
const row = async (id: string) =>
  (await sql`select status, error_name, output_bytes, duration_ms from copilot_internal.executions where context_id = ${id} order by started_at desc limit 1`)[
    0
  ];

await t("error name cut in a surrogate pair", async () => {
  const path = newPath();
  const body = {
    ...path,
    language: "javascript",
    idempotency_key: crypto.randomUUID(),
    code: "const e = new Error('x'); e.name = 'a' + '😀'.repeat(150); throw e",
  };
  const a = await invoke(client, "execute-code", body);
  const r = await row(a.context.id);
  const again = await refused(client, "execute-code", body).catch((e) => String(e).slice(0, 80));
  return [a.execution.status, r, typeof again === "string" ? again : again.body.code];
});
await t("error name python metaclass NUL", async () => {
  const path = newPath();
  const body = {
    ...path,
    idempotency_key: crypto.randomUUID(),
    code:
      "class M(type):\n    __name__ = property(lambda s: 'a\\0b')\nclass E(Exception, metaclass=M): pass\nraise E()",
  };
  const a = await invoke(client, "execute-code", body);
  return [a.execution.status, a.execution.error?.name, await row(a.context.id)];
});
await t("env cleanup stops at the first", async () => {
  const path = newPath();
  await invoke(client, "execute-code", {
    ...path,
    code: "import os\nos.environ.pop('A')",
    envs: { A: "1", B: "secret" },
  });
  const x = await invoke(client, "execute-code", { ...path, code: "import os\nprint(os.environ.get('B'))" });
  return x.execution.stdout;
});
await t("env left behind after execution_lost", async () => {
  const path = newPath();
  await invoke(client, "execute-code", { ...path, code: "import time, os" });
  faulty.proxy.intercept(at.execute, { kind: "drop", when: "after" });
  const l = await refused(client, "execute-code", { ...path, code: "time.sleep(2)", envs: { S: "secret" } });
  await new Promise((r) => setTimeout(r, 3000));
  const x = await invoke(client, "execute-code", { ...path, code: "print(os.environ.get('S'))" });
  return [l.body.code, x.execution.stdout];
});
await t("kernel restart answered late", async () => {
  const path = newPath();
  await invoke(client, "execute-code", { ...path, code: "kept = 1" });
  const held = faulty.proxy.intercept(({ path }) => path.endsWith("/restart"), { kind: "hold_answer" });
  const late = await invoke(client, "execute-code", {
    ...path,
    timeout_ms: 500,
    code: `print("s", flush=True)
while True:
    try:
        while True: pass
    except BaseException: pass`,
  });
  held.release();
  const x = await invoke(client, "execute-code", { ...path, code: "'kept' in globals()" });
  return [late.execution.kernel_restarted, x.execution.results[0]?.text, x.previous];
});
await t("kernel dies by itself", async () => {
  const path = newPath();
  await invoke(client, "execute-code", { ...path, code: "kept = 1" });
  const d = await invoke(client, "execute-code", {
    ...path,
    code: "import ctypes\nx = []\nwhile True: x.append(bytearray(50_000_000))",
    timeout_ms: 30000,
  });
  const x = await invoke(client, "execute-code", { ...path, code: "'kept' in globals()" });
  return [
    d.execution.status,
    d.execution.error,
    d.execution.kernel_restarted,
    x.execution.results[0]?.text,
    x.previous,
  ];
});
await t("kernel restarted under a run", async () => {
  const path = newPath();
  const svc = service(faulty.stack);
  const tenant_id = "t1";
  const a = await invoke(svc, "execute-code", { ...path, tenant_id, code: "kept = 1\nimport time" });
  const p = invoke(svc, "execute-code", { ...path, tenant_id, code: "time.sleep(5)" });
  await new Promise((r) => setTimeout(r, 1000));
  const h = { "e2b-sandbox-id": a.context.sandbox_id!, "e2b-sandbox-port": "49999" };
  const cs = await fetch(`${faulty.provider.url}/contexts`, { headers: h });
  console.log(cs.status, await cs.clone().text());
  if (cs.ok) {
    for (
      const c of await cs.json()
    ) await (await fetch(`${faulty.provider.url}/contexts/${c.id}/restart`, { method: "POST", headers: h })).text();
  }
  const r = await p;
  return [r.execution.status, r.execution.error, r.execution.kernel_restarted];
});
await t("putFiles over a file as directory", async () => {
  const path = newPath();
  await invoke(client, "execute-code", { ...path, code: "1", files: [{ path: "a", content: "x" }] });
  const e = await refused(client, "execute-code", { ...path, code: "1", files: [{ path: "a/b", content: "x" }] });
  return [e.status, e.body];
});
await t("file with quote", async () => {
  const path = newPath();
  const r = await invoke(client, "execute-code", {
    ...path,
    code: "import os\nprint(sorted(os.listdir('/home/user')))",
    files: [{ path: 'q"u%ote?#ž.txt', content: "x" }],
    outputs: ['q"u%ote?#ž.txt'],
  });
  return [r.execution.stdout, r.execution.outputs];
});
await t("two files same path, trailing slash etc", async () => {
  const path = newPath();
  const r = await invoke(client, "execute-code", {
    ...path,
    code: "print(open('a').read())",
    files: [{ path: "a", content: "1" }, { path: "a", content: "2" }, { path: "n", content: "\ud800x" }],
    outputs: ["a", "a", ".", "x"].filter((x) => x !== "."),
  });
  return [r.execution.stdout, r.execution.outputs];
});
await sql.end();
await faulty.stop();
