/** What frontends are promised, in a real browser, whose pages come from another origin than the functions. */
import type { SupabaseClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import type { BrowserContext, JSHandle, Page } from "playwright-core";
import { newPath } from "../support/clients.ts";
import { at, quick, useFaultyStack } from "../support/faulty_stack.ts";
import { needing } from "../support/needs.ts";
import { endless } from "../support/programs.ts";
import { created } from "../support/provider.ts";
import { endsNoted, eventually } from "../support/settle.ts";
import { shared } from "../support/shared.ts";
import { startBrowser } from "./browser.ts";
import { startSite } from "./site.ts";

/** What the page's script has made, for the functions here that run in the page. */
declare const client: SupabaseClient;
declare const EventSourceParserStream: typeof import("eventsource-parser/stream").EventSourceParserStream;

/** As many connections as a browser opens to one HTTP/1.1 server, whatever the number of tabs. */
const CONNECTIONS = 6;

const { met, test: needy } = await needing("chromium");

const faulty = useFaultyStack({ env: { CONVERSATION_QUOTA: "1" } });
const made = shared(async (parts) => ({
  site: parts.adopt(startSite(faulty.stack), ({ stop }) => stop()),
  // Where it is missing, all tests are skipped.
  running: met ? parts.adopt(await startBrowser(), ({ stop }) => stop()) : null,
}));

/** A test with a browser profile of its own: nobody is signed in yet. */
function test(name: string, fn: (profile: BrowserContext) => Promise<void>): void {
  needy(name, async () => {
    const { running } = made();
    assert(running);
    const profile = await running.openProfile();
    try {
      await fn(profile);
    } finally {
      await profile.close();
    }
  });
}

/** A tab in which the profile's user is signed in. */
async function openTab(profile: BrowserContext): Promise<Page> {
  const tab = await profile.newPage();
  await tab.goto(made().site.url);
  await tab.evaluate(async () => {
    const { data } = await client.auth.getSession();
    if (data.session) return;
    const { error } = await client.auth.signInAnonymously();
    if (error) throw error;
  });
  return tab;
}

/** What the page's script can read of an answer. */
function call(tab: Page, body: Record<string, unknown>, headers: Record<string, string> = {}) {
  return tab.evaluate(async ({ body, headers }) => {
    const { data, error, response } = await client.functions.invoke("execute-code", { body, headers });
    return {
      data,
      error: error === null ? null : response ? await response.json() : String(error.context ?? error),
      status: response?.status,
      requestId: response?.headers.get("X-Request-Id"),
      serverTiming: response?.headers.get("Server-Timing"),
      retryAfter: response?.headers.get("Retry-After"),
    };
  }, { body, headers });
}

/** Calls as `call` does, and returns what the function answered; an error is thrown. */
async function execute(tab: Page, body: Record<string, unknown>) {
  const { data, error } = await call(tab, body);
  assert.equal(error, null);
  return data;
}

interface OpenCall {
  readonly abort: AbortController;
  readonly answer: ReturnType<SupabaseClient["functions"]["invoke"]>;
}

/** Begins a call that goes on in the page. */
function begin(tab: Page, body: Record<string, unknown>, accept: string): Promise<JSHandle<OpenCall>> {
  return tab.evaluateHandle(({ body, accept }) => {
    const abort = new AbortController();
    const options = { body, headers: { Accept: accept }, signal: abort.signal };
    return { abort, answer: client.functions.invoke("execute-code", options) };
  }, { body, accept });
}

/** Reads the events of a call's stream, one at a time. */
async function reader(call: JSHandle<OpenCall>) {
  const events = await call.evaluateHandle(async ({ answer }) => {
    const { data, error } = await answer;
    if (!(data instanceof Response) || !data.body) throw error;
    return data.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream()).getReader();
  });
  return {
    next: () =>
      events.evaluate(async (events) => {
        const { value } = await events.read();
        if (!value) throw new Error("the stream has ended");
        return { event: value.event, data: JSON.parse(value.data) };
      }),
  };
}

/** How the path's last runs ended, the newest first; `running` while they have not. */
async function statuses({ conversation_id }: { conversation_id: string }): Promise<string[]> {
  const rows = await faulty.sql`
    select status from copilot_internal.executions
    where context_id in (
      select id from copilot_internal.execution_contexts where conversation_id = ${conversation_id}
    ) order by started_at desc limit 2`;
  return rows.map(({ status }) => status);
}

test("an answer, its timing and its request id can be read from another origin", async (profile) => {
  const tab = await openTab(profile);
  const { data, status, requestId, serverTiming } = await call(tab, { ...newPath(), ...quick, code: "6 * 7" });
  assert.equal(status, 200);
  assert.equal(data.execution.results[0].text, "42");
  assert.match(String(requestId), /^[0-9a-f-]{36}$/);
  assert.match(String(serverTiming), /\bkernel;dur=[\d.]+/);

  const timed: string[] = await tab.evaluate(() =>
    performance.getEntriesByType("resource")
      .filter(({ name }) => name.endsWith("/execute-code"))
      .flatMap((entry) => entry.toJSON().serverTiming)
      .filter(({ duration }) => duration > 0)
      .map(({ name }) => name)
  );
  assert.deepEqual(timed, ["auth", "database", "provider", "kernel", "total"]);
});

test("errors can be read from another origin, and how long to wait", async (profile) => {
  const tab = await openTab(profile);
  const path = newPath();
  const unknown = await call(tab, { ...path, code: "1", colour: "red" });
  assert.deepEqual([unknown.status, unknown.error.code, unknown.error.field], [400, "invalid_request", "colour"]);

  await execute(tab, { ...path, ...quick, code: "1" });
  for (const accept of ["application/json", "text/event-stream"]) {
    const full = await call(tab, { ...path, path_id: "another", code: "1" }, { Accept: accept });
    assert.deepEqual([full.status, full.error.code, full.error.retryable], [429, "quota_exceeded", false]);
    assert.equal(Number(full.retryAfter), full.error.retry_after_seconds);
    assert(Number(full.retryAfter) > 0);
  }

  const stranger = await call(tab, { ...path, code: "1" }, { Authorization: "Bearer wrong" });
  assert.deepEqual([stranger.status, stranger.error.code, stranger.error.retryable], [401, "INVALID_JWT", false]);
});

test("a user can list their contexts", async (profile) => {
  const tab = await openTab(profile);
  const path = newPath();
  const { context } = await execute(tab, { ...path, ...quick, code: "1" });
  const listed = await tab.evaluate(async () => await client.from("execution_contexts").select("id, conversation_id"));
  assert.deepEqual(listed.data, [{ id: context.id, conversation_id: path.conversation_id }]);
});

test("events are read while the code runs", async (profile) => {
  const tab = await openTab(profile);
  const path = newPath();
  // It never ends by itself.
  const events = await reader(await begin(tab, { ...path, code: endless }, "text/event-stream"));
  const first = await events.next();
  assert.deepEqual([first.event, first.data.was_created], ["context", true]);
  assert.deepEqual(await events.next(), { event: "stdout", data: { text: "begun\n" } });
});

const abort = (call: JSHandle<OpenCall>) => call.evaluate(({ abort }) => abort.abort());

/** One profile and one path, and so one kernel, for all who leave it; and a tab that nobody leaves. */
let room: Promise<Room> | undefined;
interface Room {
  readonly profile: BrowserContext;
  readonly path: ReturnType<typeof newPath>;
  readonly other: Page;
}
const openRoom = () =>
  room ??= (async () => {
    const { running } = made();
    assert(running);
    const profile = await running.openProfile();
    return { profile, path: newPath(), other: await openTab(profile) };
  })();

const leavings: Record<string, (tab: Page, call: JSHandle<OpenCall>) => Promise<void>> = {
  "that is aborted": async (_, call) => await abort(call),
  "whose tab is closed": async (tab) => await tab.close(),
  "whose page is reloaded": async (tab) => void await tab.reload(),
  // For the way back, Chromium keeps a page that is left for another site, and with it the run, for a minute.
  "whose page is left, and aborts it then": async (tab, call) => {
    await call.evaluate(({ abort }) => addEventListener("pagehide", () => abort.abort()));
    await tab.goto("about:blank");
  },
};

for (const [kind, accept] of [["a stream", "text/event-stream"], ["a call", "application/json"]]) {
  for (const [how, leave] of Object.entries(leavings)) {
    test(`${kind} ${how}: the run stops, and the kernel keeps its variables`, async () => {
      const { profile, path, other } = await openRoom();
      const tab = await openTab(profile);
      await execute(tab, { ...path, code: "n = 0" });
      await endsNoted(faulty.sql, path);
      const call = await begin(tab, { ...path, code: endless }, accept);
      if (kind === "a stream") {
        const events = await reader(call);
        while ((await events.next()).event !== "stdout");
      } else {
        await eventually("it runs", async () => (await statuses(path))[0] === "running");
      }

      await leave(tab, call);
      // Less than the run that was left would go on for.
      const { execution } = await execute(other, { ...path, code: "n", timeout_ms: 20_000 });
      assert.equal(execution.status, "ok", "the kernel was not free in time");
      assert(Number(execution.results[0].text) > 0);
      await eventually("the ledger says so", async () => (await statuses(path))[1] === "cancelled");
    });
  }
}

test("the page is told what it has aborted", async (profile) => {
  const tab = await openTab(profile);
  const call = await begin(tab, { ...newPath(), code: "while True: pass" }, "application/json");
  await abort(call);
  const told = await call.evaluate(async ({ answer }) => {
    const { data, error } = await answer;
    return [data, error.name, error.context.name];
  });
  assert.deepEqual(told, [null, "FunctionsFetchError", "AbortError"]);
});

test("two tabs call 20 times at once on a new path: one sandbox, and no error", async (profile) => {
  const tabs = [await openTab(profile), await openTab(profile)];
  const body = { ...newPath(), ...quick, code: "1" };
  const before = created(faulty.provider).length;
  const isClaim = faulty.database.requests.filter(at.claim).length;
  // Until as many as can be under way are: a sandbox is there sooner than a browser sends.
  const held = faulty.proxy.intercept(at.create, { kind: "hold" });
  const called = tabs.map((tab) =>
    tab.evaluate(
      (body) => Promise.all(Array.from({ length: 10 }, () => client.functions.invoke("execute-code", { body }))),
      body,
    )
  );
  await eventually(
    "all ask for it",
    () => faulty.database.requests.filter(at.claim).length >= isClaim + CONNECTIONS,
  );
  held.release();

  const answers = (await Promise.all(called)).flat();
  assert.deepEqual(answers.map(({ error }) => error), Array(20).fill(null));
  assert.equal(created(faulty.provider).length - before, 1);
  const data = answers.map(({ data }) => data);
  assert.equal(new Set(data.map(({ context }) => context.id)).size, 1);
  assert.equal(data.filter(({ was_created }) => was_created).length, 1);
  const counts = data.map(({ execution }) => execution.execution_count).sort((a, b) => a - b);
  assert.deepEqual(counts, Array.from({ length: 20 }, (_, index) => index + 1));
});
