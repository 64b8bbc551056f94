import assert from "node:assert/strict";
import { generateKeyPair, SignJWT } from "jose";
import { client, startFixture } from "./fixture.ts";

Deno.test("the gateway swaps keys for roles, and PostgREST verifies users", async (t) => {
  await using stack = await startFixture();
  const rest = (headers: Record<string, string>, path = "/rest/v1/rpc/my_claims") =>
    fetch(stack.apiUrl + path, { method: "POST", headers, body: "{}" });

  await t.step("a secret key is the service", async () => {
    const { data, error } = await client(stack, stack.secretKey).rpc("service_only");
    assert.deepEqual({ data, error }, { data: "done", error: null });
  });

  await t.step("a secret key from a browser is refused: any page could know it", async () => {
    const shown: Record<string, string>[] = [
      { apikey: stack.secretKey },
      { apikey: "x", authorization: `Bearer ${stack.secretKey}` },
    ];
    for (const headers of shown) {
      for (const path of ["/rest/v1/rpc/service_only", "/auth/v1/admin/users", "/functions/v1/any"]) {
        const response = await rest({ ...headers, origin: "https://anywhere.example" }, path);
        assert.equal(response.status, 401);
        assert.match((await response.json()).message, /in browser/);
      }
    }
  });

  await t.step("a publishable key is anonymous, and may not do what the service may", async () => {
    const { error, status } = await client(stack, stack.publishableKey).rpc("service_only");
    assert.equal(error?.code, "42501");
    assert.equal(status, 401);
  });

  await t.step("a user's token goes through", async () => {
    const { access_token, user } = await stack.auth.signIn({ appMetadata: { tenant_id: "acme" } });
    const { data, error } = await client(stack, stack.publishableKey, access_token).rpc("my_claims");
    assert.equal(error, null);
    assert.equal(data.sub, user.id);
    assert.deepEqual(data.app_metadata, { tenant_id: "acme" });
  });

  await t.step("a user may not do what the service may, whichever key is shown", async () => {
    const { access_token } = await stack.auth.signIn();
    const { status } = await client(stack, stack.secretKey, access_token).rpc("service_only");
    assert.equal(status, 403);
  });

  await t.step("a forged token is refused: right key id, wrong key", async () => {
    const { privateKey } = await generateKeyPair("ES256");
    const forged = await new SignJWT({ role: "service_role", exp: 4e9 })
      .setProtectedHeader({ alg: "ES256", kid: String(stack.auth.jwks.keys[0]?.kid) })
      .sign(privateKey);
    const response = await rest({ apikey: stack.publishableKey, authorization: `Bearer ${forged}` });
    assert.equal(response.status, 401);
    assert.equal((await response.json()).code, "PGRST301");
  });

  await t.step("a token signed with the public key as a secret is refused", async () => {
    const confused = await new SignJWT({ role: "service_role", exp: 4e9 })
      .setProtectedHeader({ alg: "HS256", kid: String(stack.auth.jwks.keys[0]?.kid) })
      .sign(new TextEncoder().encode(JSON.stringify(stack.auth.jwks.keys[0])));
    const response = await rest({ apikey: stack.publishableKey, authorization: `Bearer ${confused}` });
    await response.body?.cancel();
    assert.equal(response.status, 401);
  });

  await t.step("an expired token is refused", async () => {
    const { status } = await client(stack, stack.publishableKey, await stack.auth.token({ exp: 1 })).rpc("my_claims");
    assert.equal(status, 401);
  });

  await t.step("a key that is unknown, missing, or not the one in the bearer is refused", async () => {
    const refused: Record<string, string>[] = [
      { apikey: "sb_secret_guessed" },
      {},
      { authorization: `Bearer ${stack.secretKey}` },
      { apikey: stack.publishableKey, authorization: `Bearer ${stack.secretKey}` },
    ];
    for (const headers of refused) {
      for (const path of ["/rest/v1/rpc/service_only", "/auth/v1/signup"]) {
        // Auth takes no role from the bearer, so two keys that differ are all that it has to refuse there.
        const response = await rest(headers, path);
        assert.equal(response.status, 401, JSON.stringify(headers) + path);
        assert.match((await response.json()).message ?? "No API key", /API key/);
      }
    }
  });

  await t.step("what a migration does not grant, nobody has", async () => {
    const { error } = await client(stack, stack.secretKey).from("notes").select();
    assert.equal(error?.code, "42501");
  });

  await t.step("browsers are answered", async () => {
    const preflight = await fetch(`${stack.apiUrl}/rest/v1/notes`, {
      method: "OPTIONS",
      headers: { "access-control-request-headers": "apikey, x-client-info" },
    });
    assert.equal(preflight.headers.get("access-control-allow-origin"), "*");
    assert.equal(preflight.headers.get("access-control-allow-headers"), "apikey, x-client-info");
    const refused = await rest({});
    await refused.body?.cancel();
    assert.equal(refused.headers.get("access-control-allow-origin"), "*");
  });

  await t.step("there is nothing else", async () => {
    const response = await fetch(`${stack.apiUrl}/storage/v1/bucket`);
    await response.body?.cancel();
    assert.equal(response.status, 404);
  });
});
