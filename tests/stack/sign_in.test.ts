import assert from "node:assert/strict";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { client, startFixture } from "./fixture.ts";

Deno.test("anonymous users sign in with the unchanged supabase-js", async (t) => {
  await using stack = await startFixture();
  const issuer = `${stack.apiUrl}/auth/v1`;
  const jwks = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
  const admin = client(stack, stack.secretKey).auth.admin;

  async function signIn() {
    const supabase = client(stack, stack.publishableKey);
    const { data, error } = await supabase.auth.signInAnonymously({ options: { data: { theme: "dark" } } });
    assert.equal(error, null);
    assert(data.session !== null && data.user !== null);
    return { supabase, session: data.session, user: data.user };
  }

  await t.step("the token has Supabase's claims and verifies with the published key", async () => {
    const { session, user } = await signIn();
    const { payload, protectedHeader } = await jwtVerify(session.access_token, jwks, {
      issuer,
      audience: "authenticated",
    });
    assert.equal(protectedHeader.alg, "ES256");
    assert.equal(payload.sub, user.id);
    assert.equal(payload.role, "authenticated");
    assert.equal(payload.is_anonymous, true);
    assert.deepEqual(payload.app_metadata, {});
    assert.deepEqual(payload.user_metadata, { theme: "dark" });
    assert.equal(Number(payload.exp) - Number(payload.iat), 3600);
    assert.equal(session.expires_in, 3600);
    assert.equal(user.is_anonymous, true);
  });

  await t.step("getUser knows the user, getClaims the token", async () => {
    const { supabase, user } = await signIn();
    assert.equal((await supabase.auth.getUser()).data.user?.id, user.id);
    assert.equal((await supabase.auth.getClaims()).data?.claims.sub, user.id);
  });

  await t.step("a tenant set by an administrator is in the next token", async () => {
    const { supabase, user } = await signIn();
    const updated = await admin.updateUserById(user.id, { app_metadata: { tenant_id: "acme" } });
    assert.equal(updated.error, null);
    assert.deepEqual(updated.data.user?.app_metadata, { tenant_id: "acme" });
    assert.deepEqual((await admin.getUserById(user.id)).data.user?.app_metadata, { tenant_id: "acme" });

    const { data } = await supabase.auth.refreshSession();
    const { payload } = await jwtVerify(data.session?.access_token ?? "", jwks);
    assert.deepEqual(payload.app_metadata, { tenant_id: "acme" });
  });

  await t.step("only the secret key administers users", async () => {
    const { supabase, user } = await signIn();
    const { error } = await supabase.auth.admin.updateUserById(user.id, { app_metadata: { tenant_id: "stolen" } });
    assert.equal(error?.code, "not_admin");
    assert.equal(error?.status, 403);
  });

  await t.step("a refresh token gives way to the next; an unknown one is refused", async () => {
    const { supabase, session } = await signIn();
    const { data } = await supabase.auth.refreshSession();
    assert.notEqual(data.session?.refresh_token, session.refresh_token);
    const { error } = await supabase.auth.refreshSession({ refresh_token: "unknown" });
    assert.equal(error?.code, "refresh_token_not_found");
  });

  await t.step("after signing out, neither token is good for anything", async () => {
    const { supabase, session } = await signIn();
    assert.equal((await supabase.auth.signOut()).error, null);
    const { error } = await supabase.auth.getUser(session.access_token);
    assert.equal(error?.name, "AuthSessionMissingError");
    const refreshed = await supabase.auth.refreshSession({ refresh_token: session.refresh_token });
    assert.equal(refreshed.error?.code, "refresh_token_not_found");
  });

  await t.step("older clients get errors in the older shape", async () => {
    const response = await fetch(`${issuer}/user`, { headers: { apikey: stack.publishableKey } });
    assert.equal(response.status, 403);
    const { code, error_code, msg } = await response.json();
    assert.deepEqual([code, error_code, typeof msg], [403, "bad_jwt", "string"]);
  });

  await t.step("tests sign users in and mint tokens without HTTP", async () => {
    const session = await stack.auth.signIn({ appMetadata: { tenant_id: "acme" } });
    const { payload } = await jwtVerify(session.access_token, jwks, { issuer });
    assert.deepEqual(payload.app_metadata, { tenant_id: "acme" });
    const expired = await stack.auth.token({ exp: 1 });
    await assert.rejects(jwtVerify(expired, jwks), { code: "ERR_JWT_EXPIRED" });
  });
});
