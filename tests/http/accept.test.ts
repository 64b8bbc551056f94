/** Which form of an answer a request prefers. */
import assert from "node:assert/strict";
import { preferred } from "../../supabase/functions/_shared/http/accept.ts";

const json = "application/json";
const open = "application/openmetrics-text";
const text = "text/plain";

const cases: [accept: string | null, expected: string][] = [
  [null, json],
  ["", json],
  ["*/*", json],
  ["text/plain", text],
  ["TEXT/Plain; version=0.0.4", text],
  ["text/*", text],
  ["application/*", json],
  ["application/openmetrics-text", open],
  // axios, which would rather have JSON
  ["application/json, text/plain, */*", json],
  // whoever says so does for all that it asks for
  ["text/plain, */*", json],
  ["text/html, text/plain, */*;q=0.9", text],
  ["text/plain;q=0.5, */*;q=0.1", text],
  ["text/plain;q=0.1, */*;q=0.5", json],
  ["application/json;q=0, text/plain;q=0.001", text],
  ["application/json;q=0, */*", open],
  // Prometheus 2 and 3
  [
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    open,
  ],
  [
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    open,
  ],
  ["text/plain;version=0.0.4;q=0.5,*/*;q=0.1", text],
  // browsers
  ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", json],
  // nothing that there is
  ["image/png", json],
  ["text/plain;q=nonsense", text],
  [",;,;q=", json],
];

for (const [accept, expected] of cases) {
  Deno.test(`Accept: ${accept === null ? "none" : accept.slice(0, 90)}`, () => {
    assert.equal(preferred(accept, [json, open, text]), expected);
  });
}
