/** What opens a sandbox, as a row holds it: only who has the account's key reads it, and for that sandbox alone. */
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { seal, unseal } from "../../supabase/functions/_shared/sandbox/sealed_access.ts";

const KEY = "e2b_0123456789abcdef";
const ACCESS = {
  envdVersion: "0.6.4",
  domain: null,
  envdAccessToken: "token-of-the-files",
  trafficAccessToken: "token-of-the-traffic",
};

Deno.test("what was sealed is read again, with nothing added that E2B told besides", async () => {
  const told = { ...ACCESS, sandboxID: "one", templateID: "template" };
  assert.deepEqual(await unseal(KEY, "one", await seal(KEY, "one", told)), ACCESS);
  const least = { envdVersion: "0.6.4" };
  assert.deepEqual(await unseal(KEY, "one", await seal(KEY, "one", least)), least);
});

Deno.test("another account's key does not read it, nor is it read as another sandbox's", async () => {
  const sealed = await seal(KEY, "one", ACCESS);
  assert.equal(await unseal("e2b_fedcba9876543210", "one", sealed), null);
  assert.equal(await unseal(KEY, "two", sealed), null);
  // By whoever asks after those.
  assert.deepEqual(await unseal(KEY, "one", sealed), ACCESS);
});

Deno.test("it shows no token, and not even whether two are the same", async () => {
  const [one, again] = [await seal(KEY, "one", ACCESS), await seal(KEY, "one", ACCESS)];
  assert.notEqual(one, again);
  for (const token of [ACCESS.envdAccessToken, ACCESS.trafficAccessToken]) {
    for (const form of [one, Buffer.from(one, "base64").toString("latin1")]) assert(!form.includes(token));
  }
});

Deno.test("what was changed in any byte, cut off, or never sealed, is not known", async () => {
  const sealed = Buffer.from(await seal(KEY, "one", ACCESS), "base64");
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed[at] ^= 1;
    assert.equal(await unseal(KEY, "one", changed.toString("base64")), null, `byte ${at}`);
  }
  for (let length = 0; length < sealed.length; length++) {
    assert.equal(await unseal(KEY, "one", sealed.subarray(0, length).toString("base64")), null, `${length} bytes`);
  }
  assert.equal(await unseal(KEY, "one", "no base64 at all"), null);
});
