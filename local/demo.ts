/** `deno task demo`: starts the stack, plays the main job on real Python, shows it, stops. Exit code 0 only if all came out as it should. */
import { createClient, FunctionsHttpError, type SupabaseClient } from "@supabase/supabase-js";
import { EventSourceParserStream } from "eventsource-parser/stream";
import assert from "node:assert/strict";
import { join } from "node:path";
import type { AcquireResponse } from "../supabase/functions/_shared/contract/acquire_context.ts";
import type { ExecuteResponse } from "../supabase/functions/_shared/contract/execute_code.ts";
import type { TerminateResponse } from "../supabase/functions/_shared/contract/terminate_context.ts";
import { chooseKernel, type KernelName } from "./e2b/choose_kernel.ts";
import { requirePlatform } from "./platform.ts";
import { localDirectory } from "./repository.ts";
import { type Stack, startStack } from "./stack.ts";

interface Answers {
  "acquire-context": AcquireResponse;
  "execute-code": ExecuteResponse;
  "terminate-context": TerminateResponse;
}

/** A picture, and how a kernel comes to it. */
interface Plot {
  readonly code: string;
  readonly format: "svg" | "png";
}

const PLOTS: Readonly<Record<KernelName, Plot>> = {
  native: {
    format: "png",
    code: `
import numpy, pandas

t = numpy.linspace(0, 10, 200)
pandas.DataFrame({"x": numpy.sin(t) * x / 42}, index=t).plot(title="sin", xlabel="t");
`,
  },
  // Pyodide has no library for it: any object with `_repr_svg_` is a picture to the kernel.
  pyodide: {
    format: "svg",
    code: `
import math

class Plot:
    def __init__(self, f):
        self.points = " ".join(f"{x},{100 - 80 * f(x / 40):.1f}" for x in range(0, 401, 4))
    def _repr_svg_(self):
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 200">'
            '<rect width="400" height="200" fill="white"/><line x2="400" y1="100" y2="100" stroke="silver"/>'
            f'<polyline points="{self.points}" fill="none" stroke="teal" stroke-width="3"/></svg>'
        )

Plot(lambda t: math.sin(t) * x / 42)
`,
  },
};

const plain = Deno.noColor || !Deno.stdout.isTerminal();
const step = (title: string) => console.log(plain ? `\n${title}` : `\n\x1b[1m${title}\x1b[0m`);
const show = (text: string) => text === "" || console.log(text.trimEnd().replace(/^/gm, "    "));

async function invoke<Name extends keyof Answers>(client: SupabaseClient, name: Name, body: object) {
  const { data, error } = await client.functions.invoke<Answers[Name]>(name, { body });
  if (error instanceof FunctionsHttpError) throw new Error(`${name}: ${await error.context.text()}`);
  if (error) throw error;
  assert(data, `${name} answered nothing`);
  return data;
}

async function play(): Promise<void> {
  const started = performance.now();
  step("Starting the local stack: Postgres, PostgREST, the functions, and a sandbox server that runs Python");
  const kernel = await chooseKernel(undefined, show);
  await using stack = await startStack({ kernel, onProgress: show });
  const provider = stack.e2b.server;
  assert(provider, "the demo runs on its own sandbox server");

  const client = createClient(stack.apiUrl, stack.publishableKey, { auth: { persistSession: false } });
  const { data: session, error } = await client.auth.signInAnonymously();
  if (error) throw error;
  show(`signed in anonymously as ${session.user?.id}, ${seconds(started)} after the start`);

  const path = { conversation_id: "demo", path_id: "main" };

  step("acquire-context: a sandbox of its own for this conversation path");
  const first = await invoke(client, "acquire-context", path);
  assert.equal(first.was_created, true);
  assert.equal(first.previous, null);
  show(`context ${first.context.id}, was_created: ${first.was_created}, idle until ${first.context.expires_at}`);

  step("execute-code: variables stay from one call to the next");
  await run(client, { ...path, code: "x = 41" });
  const sum = await run(client, { ...path, code: "x + 1" });
  assert.equal(sum.execution.results[0]?.text, "42");
  assert.equal(sum.context.id, first.context.id);
  assert.equal(sum.was_created, false);

  step("execute-code: a plot");
  const { code, format } = PLOTS[kernel];
  const plot = await invoke(client, "execute-code", { ...path, code });
  const picture = plot.execution.results.find((result) => typeof result[format] === "string")?.[format];
  assert(typeof picture === "string", `no plot: ${plot.execution.error?.traceback}`);
  const file = join(await localDirectory(), `plot.${format}`);
  const bytes = format === "png" ? Uint8Array.fromBase64(picture) : new TextEncoder().encode(picture);
  await Deno.writeFile(file, bytes);
  show(`written to ${file} (${bytes.length} bytes of ${format.toUpperCase()})`);

  step("execute-code: an exception is a result, with its traceback");
  const failed = await run(client, { ...path, code: "def ratio(a, b):\n    return a / b\n\nratio(x, 0)" });
  assert.equal(failed.execution.status, "error");
  assert.equal(failed.execution.error?.name, "ZeroDivisionError");
  assert.match(failed.execution.error.traceback, /return a \/ b/);

  step("execute-code as a stream: output comes while the code runs");
  const counting = {
    ...path,
    code: "import time\nfor number in range(3):\n    print(number)\n    time.sleep(0.2)\nx += 1",
    idempotency_key: "demo-1",
  };
  const asked = performance.now();
  const { data: response } = await client.functions.invoke<Response>("execute-code", {
    headers: { Accept: "text/event-stream" },
    body: counting,
  });
  assert(response?.body);
  const told: string[] = [];
  for await (
    const { event, data } of response.body.pipeThrough(new TextDecoderStream()).pipeThrough(
      new EventSourceParserStream(),
    )
  ) {
    told.push(event ?? "");
    if (event === "stdout") show(`after ${seconds(asked)}: ${event} ${data}`);
  }
  assert.deepEqual(told, ["context", "stdout", "stdout", "stdout", "end"]);

  step("The same request again, with its idempotency key: the kept answer, and nothing runs twice");
  const repeat = await invoke(client, "execute-code", counting);
  assert.equal(repeat.replayed, true);
  const counted = await run(client, { ...path, code: "x" });
  assert.equal(counted.execution.results[0]?.text, "42");

  step("from_path_id: a branch begins with what its source had, and neither sees what the other does");
  const edited = { ...path, path_id: "edited", from_path_id: path.path_id };
  const branched = await run(client, { ...edited, code: "x = x / 2; x" });
  assert.equal(branched.execution.results[0]?.text, "21.0");
  assert.deepEqual(branched.forked_from, { path_id: path.path_id, context_id: first.context.id });
  const untouched = await run(client, { ...path, code: "x" });
  assert.equal(untouched.execution.results[0]?.text, "42");
  show(`forked_from: ${JSON.stringify(branched.forked_from)}`);

  step("A context that stands idle falls asleep, which costs nothing, and wakes with its variables when it is used");
  const pause = `${provider.url}/sandboxes/${await sandboxOf(stack, branched.context.id)}/pause`;
  const paused = await fetch(pause, { method: "POST", headers: { "X-API-KEY": provider.apiKey }, body: "{}" });
  assert.equal(paused.status, 204);
  show("E2B would pause its sandbox after 30 minutes without a call; here it is asked to at once");
  const woken = await run(client, { ...edited, code: "x" });
  assert.equal(woken.execution.results[0]?.text, "21.0");
  assert.deepEqual([woken.was_resumed, woken.context.id], [true, branched.context.id]);
  show(`was_resumed: ${woken.was_resumed}, kept until ${woken.context.kept_until}`);

  step("Ten simultaneous acquire-context calls on a new path");
  const before = provider.sandboxes().length;
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => invoke(client, "acquire-context", { ...path, path_id: "new" })),
  );
  const created = provider.sandboxes().length - before;
  assert.equal(new Set(answers.map((answer) => answer.context.id)).size, 1);
  assert.equal(answers.filter((answer) => answer.was_created).length, 1);
  assert.equal(created, 1);
  show(`10 answers, 1 context, ${created} sandbox created at the provider`);

  step("terminate-context, then acquire-context again: the caller is told that the variables are gone, and why");
  const ended = await invoke(client, "terminate-context", path);
  assert.equal(ended.terminated, 1);
  const again = await invoke(client, "acquire-context", path);
  assert.notEqual(again.context.id, first.context.id);
  assert.equal(again.was_created, true);
  assert.equal(again.previous?.termination_reason, "terminated");
  show(`context ${again.context.id}, previous: ${JSON.stringify(again.previous)}`);

  step("terminate-context for the whole conversation");
  const all = await invoke(client, "terminate-context", { conversation_id: path.conversation_id });
  const alive = provider.sandboxes().filter((sandbox) => sandbox.ended === null).length;
  assert.equal(all.terminated, 3);
  assert.equal(alive, 0);
  show(`${all.terminated} contexts ended, ${alive} sandboxes alive of ${provider.sandboxes().length} ever created`);

  step(`All of it came out as it should, in ${seconds(started)}.`);
}

/** What opens a context's sandbox at the provider is told to services only. */
async function sandboxOf({ apiUrl, secretKey }: Stack, contextId: string): Promise<string> {
  const service = createClient(apiUrl, secretKey, { auth: { persistSession: false } });
  const { data } = await service.from("execution_contexts_overview").select("sandbox_id").eq("context_id", contextId)
    .single().throwOnError();
  return data.sandbox_id;
}

async function run(client: SupabaseClient, request: { code: string; conversation_id: string; path_id: string }) {
  const answer = await invoke(client, "execute-code", request);
  show(request.code.replace(/^/gm, ">>> "));
  const { stdout, results, error } = answer.execution;
  show([stdout, ...results.map((result) => result.text), error?.traceback].filter(Boolean).join("\n"));
  return answer;
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

await requirePlatform();
try {
  await play();
} catch (error) {
  console.error(error);
  Deno.exitCode = 1;
}
