/** A trace that comes in is in the log, and goes on to nothing else. */
import assert from "node:assert/strict";
import { newPath, service, user } from "../support/clients.ts";
import { quick, startFaultyStack } from "../support/faulty_stack.ts";
import { eventually } from "../support/settle.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";

Deno.test("a caller's trace is in the request's line, and in no request that follows from it", async () => {
  const lines: string[] = [];
  const faulty = await startFaultyStack({ onLog: (line) => lines.push(line) });
  try {
    const path = newPath();
    const client = await user(faulty.stack);
    const call = async (name: string, traceparent: string, body: Record<string, unknown>, caller = client) => {
      const { error } = await caller.functions.invoke(name, {
        body,
        headers: { traceparent, tracestate: `vendor=${spanId}`, baggage: "user=marker", "x-request-id": name },
      });
      assert.equal(error, null);
    };
    const given = `00-${traceId}-${spanId}-01`;
    await call("execute-code", given, { ...path, ...quick, code: "1", files: [{ path: "a", content: "" }] });
    await call("terminate-context", given, { due: true }, service(faulty.stack));
    await call("acquire-context", `${given}-malformed`, path);
    // Its caller is refused before anything is known of them.
    await fetch(`${faulty.stack.apiUrl}/functions/v1/acquire-context`, {
      method: "POST",
      headers: { traceparent: given, "x-request-id": "refused" },
    }).then((response) => response.body?.cancel());
    const told = () =>
      lines.filter((line) => line.includes('"function"')).map((line) => JSON.parse(line.slice(line.indexOf("{"))));
    await eventually("all is logged", () => told().length === 4);

    assert.deepEqual(told().map((line) => [line.request_id, line.trace_id, line.parent_span_id]), [
      ["execute-code", traceId, spanId],
      ["terminate-context", traceId, spanId],
      ["acquire-context", undefined, undefined],
      ["refused", traceId, spanId],
    ]);
    const requests = [...faulty.proxy.requests, ...faulty.database.requests];
    // To E2B, to the sandbox's kernel and its files, to PostgREST.
    for (const path of ["/v2/sandboxes", "/execute", "/files", "/rest/v1/rpc/copilot_claim_context"]) {
      assert(requests.some((request) => request.path.startsWith(path)), path);
    }
    for (const { path, headers } of requests) {
      for (const name of ["traceparent", "tracestate", "baggage"]) assert(!(name in headers), `${path} has ${name}`);
      const values = Object.values(headers).join();
      for (const id of [traceId, spanId, "marker"]) assert(!values.includes(id), `${path} tells of the trace`);
    }
  } finally {
    await faulty.stop();
  }
});
