/**
 * A caller on Node: `node node_caller.mjs URL AUTHORIZATION BODY` calls execute-code at the URL by `fetch`, on a connection
 * that was in use before, and aborts the call when a line comes in. It does not end by itself, which would break the
 * connection whatever became of the call.
 */
import { once } from "node:events";

const [url, authorization, body] = process.argv.slice(2);
const options = { method: "POST", headers: { authorization, "content-type": "application/json" } };
const call = async (name, more) => {
  const response = await fetch(`${url}/functions/v1/${name}`, { ...options, ...more });
  return await response.text();
};
// Whatever it answers.
await call("terminate-context", { body: "{}" });
const abort = new AbortController();
const called = call("execute-code", { body, signal: abort.signal });
await once(process.stdin, "data");
abort.abort();
try {
  console.log(await called);
} catch (error) {
  console.log(error.name);
}
setInterval(() => {}, 1000);
