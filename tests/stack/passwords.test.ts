import type { AuthError } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import { decodeJwt } from "jose";
import postgres from "postgres";
import { client, startFixture } from "./fixture.ts";

/** The code and the status of an error that must have come. */
function told(error: AuthError | null): [string | undefined, number | undefined] {
  assert(error, "no error came");
  return [error.code, error.status];
}

const newEmail = () => `user-${crypto.randomUUID()}@example.com`;
const password = "correct horse";

Deno.test("users sign up and in by e-mail and password with the unchanged supabase-js", async (t) => {
  await using stack = await startFixture();
  const anybody = () => client(stack, stack.publishableKey);

  async function signUp(email = newEmail()) {
    const supabase = anybody();
    const { data, error } = await supabase.auth.signUp({ email, password, options: { data: { name: "Ada" } } });
    assert.equal(error, null);
    assert(data.user && data.session);
    return { supabase, email, user: data.user, session: data.session };
  }

  await t.step("who signs up is confirmed and signed in at once", async () => {
    const { user, email, session } = await signUp();
    assert.equal(user.email, email);
    assert.equal(user.is_anonymous, false);
    assert(user.email_confirmed_at);
    assert.deepEqual(user.app_metadata, { provider: "email", providers: ["email"] });
    assert.deepEqual(user.user_metadata, { name: "Ada" });
    assert.deepEqual(user.identities?.map(({ provider }) => provider), ["email"]);
    const claims = decodeJwt(session.access_token);
    assert.equal(claims.email, email);
    assert.equal(claims.is_anonymous, false);
  });

  await t.step("and in again, however the address is written", async () => {
    const { email, user } = await signUp();
    const { data, error } = await anybody().auth.signInWithPassword({ email: email.toUpperCase(), password });
    assert.equal(error, null);
    assert.equal(data.user?.id, user.id);
  });

  await t.step("what is wrong is told by Supabase Auth's codes", async () => {
    const { email } = await signUp();
    const { auth } = anybody();
    const wrong = { email, password: "wrong horse" };
    assert.deepEqual(told((await auth.signInWithPassword(wrong)).error), ["invalid_credentials", 400]);
    const unknown = { email: newEmail(), password };
    assert.deepEqual(told((await auth.signInWithPassword(unknown)).error), ["invalid_credentials", 400]);
    assert.deepEqual(told((await auth.signUp({ email, password })).error), ["user_already_exists", 422]);
    assert.deepEqual(told((await auth.signUp({ email: newEmail(), password: "12345" })).error), ["weak_password", 422]);
    assert.deepEqual(told((await auth.signUp({ email: "nobody", password })).error), ["validation_failed", 400]);
    assert.deepEqual(told((await auth.signUp({ email: newEmail(), password: "" })).error), ["validation_failed", 400]);
    const long = "x".repeat(73);
    assert.deepEqual(told((await auth.signUp({ email: newEmail(), password: long })).error), [
      "validation_failed",
      400,
    ]);
  });

  await t.step("of two that sign up with one address at the same time, one does", async () => {
    const email = newEmail();
    const outcomes = await Promise.all([0, 1, 2].map(() => anybody().auth.signUp({ email, password })));
    assert.deepEqual(outcomes.map(({ error }) => error?.code).sort(), [
      "user_already_exists",
      "user_already_exists",
      undefined,
    ]);
  });

  await t.step("an anonymous user becomes a permanent one, and stays the same user", async () => {
    const supabase = anybody();
    const { data: { user } } = await supabase.auth.signInAnonymously();
    assert.deepEqual(told((await supabase.auth.updateUser({ password })).error), ["validation_failed", 422]);
    const email = newEmail();
    const { data, error } = await supabase.auth.updateUser({ email, password });
    assert.equal(error, null);
    assert.equal(data.user?.is_anonymous, false);
    const refreshed = await supabase.auth.refreshSession();
    assert.equal(decodeJwt(refreshed.data.session?.access_token ?? "").is_anonymous, false);
    const again = await anybody().auth.signInWithPassword({ email, password });
    assert.equal(again.data.user?.id, user?.id);
    assert.deepEqual(again.data.user?.app_metadata, { provider: "email", providers: ["email"] });
  });

  await t.step("users change their metadata, password and address; not to another's", async () => {
    const { supabase, email, user } = await signUp();
    const { data } = await supabase.auth.updateUser({ data: { name: null, theme: "dark" } });
    assert.deepEqual(data.user?.user_metadata, { theme: "dark" });

    const elsewhere = anybody();
    await elsewhere.auth.signInWithPassword({ email, password });
    assert.deepEqual(told((await supabase.auth.updateUser({ password })).error), ["same_password", 422]);
    assert.equal((await supabase.auth.updateUser({ password: "battery staple" })).error, null);
    assert.deepEqual(told((await anybody().auth.signInWithPassword({ email, password })).error), [
      "invalid_credentials",
      400,
    ]);
    // Whoever knew the old password is signed out; who changed it is not.
    assert.equal((await elsewhere.auth.refreshSession()).error?.code, "refresh_token_not_found");
    assert.equal((await supabase.auth.refreshSession()).error, null);

    const other = await signUp();
    assert.deepEqual(told((await supabase.auth.updateUser({ email: other.email })).error), ["email_exists", 422]);
    const moved = newEmail();
    assert.equal((await supabase.auth.updateUser({ email: moved })).error, null);
    const signedIn = await anybody().auth.signInWithPassword({ email: moved, password: "battery staple" });
    assert.equal(signedIn.data.user?.id, user.id);
  });

  await t.step("signing out of one browser leaves the other", async () => {
    const { supabase, email } = await signUp();
    const elsewhere = anybody();
    await elsewhere.auth.signInWithPassword({ email, password });
    await supabase.auth.signOut({ scope: "local" });
    assert.equal((await elsewhere.auth.refreshSession()).error, null);
  });

  await t.step("what needs e-mail, or another provider, is refused with words", async () => {
    const { supabase } = await signUp();
    const { auth } = supabase;
    const refused = [
      await auth.signInWithOtp({ email: newEmail() }),
      await auth.resetPasswordForEmail(newEmail()),
      await auth.mfa.enroll({ factorType: "totp" }),
      await auth.signInWithSSO({ domain: "example.com" }),
    ];
    for (const { error } of refused) {
      assert.match(error?.message ?? "", /^The local stack's Auth has no /);
      assert.equal(error?.status, 422);
    }
    const phone = await auth.signInWithPassword({ phone: "+15555550100", password });
    assert.deepEqual(told(phone.error), ["phone_provider_disabled", 400]);
  });
});

Deno.test("services administer users with the unchanged supabase-js", async (t) => {
  await using stack = await startFixture();
  const { admin } = client(stack, stack.secretKey).auth;
  const anybody = () => client(stack, stack.publishableKey);

  await t.step("one whom they make signs in", async () => {
    const email = newEmail();
    const id = crypto.randomUUID();
    const { data, error } = await admin.createUser({
      id,
      email,
      password,
      email_confirm: true,
      app_metadata: { tenant_id: "acme" },
      user_metadata: { name: "Ada" },
    });
    assert.equal(error, null);
    assert.equal(data.user?.id, id);
    const signedIn = await anybody().auth.signInWithPassword({ email, password });
    const claims = decodeJwt(signedIn.data.session?.access_token ?? "");
    assert.deepEqual(claims.app_metadata, { provider: "email", providers: ["email"], tenant_id: "acme" });
    assert.deepEqual(claims.user_metadata, { name: "Ada" });
    assert.deepEqual(told((await admin.createUser({ email, password })).error), ["email_exists", 422]);
    assert.deepEqual(told((await admin.createUser({ id, email: newEmail() })).error), ["user_already_exists", 422]);
  });

  await t.step("but not before the address is confirmed", async () => {
    const email = newEmail();
    const { data } = await admin.createUser({ email, password });
    assert.deepEqual(told((await anybody().auth.signInWithPassword({ email, password })).error), [
      "email_not_confirmed",
      400,
    ]);
    assert.equal((await admin.updateUserById(data.user?.id ?? "", { email_confirm: true })).error, null);
    assert.equal((await anybody().auth.signInWithPassword({ email, password })).error, null);
  });

  await t.step("a user whom they delete is gone, with every session", async () => {
    const supabase = anybody();
    const { data: { user } } = await supabase.auth.signInAnonymously();
    assert(user);
    assert.deepEqual(told((await admin.deleteUser(user.id, true)).error), ["validation_failed", 400]);
    assert.equal((await admin.deleteUser(user.id)).error, null);
    assert.deepEqual(told((await admin.getUserById(user.id)).error), ["user_not_found", 404]);
    assert.equal((await supabase.auth.refreshSession()).error?.code, "refresh_token_not_found");
    assert.deepEqual(told((await admin.deleteUser(user.id)).error), ["user_not_found", 404]);
  });

  await t.step("their list is in pages, and only theirs", async () => {
    const { data: before } = await admin.listUsers();
    assert("total" in before);
    const { data: { user } } = await anybody().auth.signInAnonymously();
    const { data: first } = await admin.listUsers({ page: 1, perPage: 1 });
    assert("total" in first);
    assert.equal(first.total, before.total + 1);
    assert.deepEqual(first.users.map(({ id }) => id), [user?.id]);
    assert.equal(first.nextPage, 2);
    const { data: rest } = await admin.listUsers({ page: 2, perPage: 1000 });
    assert.deepEqual(rest.users, []);
    assert.deepEqual(told((await anybody().auth.admin.listUsers()).error), ["not_admin", 403]);
    const deleted = await anybody().auth.admin.deleteUser(user?.id ?? "");
    assert.deepEqual(told(deleted.error), ["not_admin", 403]);
  });

  await t.step("a field that there is not is named", async () => {
    const { error } = await admin.createUser({ email: newEmail(), phone: "+15555550100" });
    assert.equal(error?.code, "validation_failed");
    assert.match(error?.message ?? "", /phone/);
  });
});

Deno.test("an app's migrations find auth.users, auth.uid() and auth.jwt()", async () => {
  const migrationsDirectory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${migrationsDirectory}/20260101000000_profiles.sql`,
      `create table public.profiles (
         id uuid primary key references auth.users (id) on delete cascade,
         email text check (email <> 'refused@example.com')
       );
       alter table public.profiles enable row level security;
       create policy own on public.profiles to authenticated
         using ((select auth.uid()) = id and auth.role() = 'authenticated' and auth.jwt() ->> 'email' = email);
       grant select on public.profiles to authenticated;
       create function public.add_profile() returns trigger language plpgsql security definer set search_path = '' as
         $$ begin insert into public.profiles values (new.id, new.email); return new; end $$;
       create trigger on_auth_user_created after insert on auth.users
         for each row execute function public.add_profile();`,
    );
    await using stack = await startFixture({ migrationsDirectory });
    const [ada, bob] = [client(stack, stack.publishableKey), client(stack, stack.publishableKey)];
    const { data: { user } } = await ada.auth.signUp({ email: newEmail(), password });
    await bob.auth.signUp({ email: newEmail(), password });
    const seen = await ada.from("profiles").select();
    assert.deepEqual({ error: seen.error, data: seen.data }, {
      error: null,
      data: [{ id: user?.id, email: user?.email }],
    });

    // What a trigger of the app says against a user is told.
    const { error } = await bob.auth.signUp({ email: "refused@example.com", password });
    assert.match(error?.message ?? "", /Database error saving user: .*profiles_email_check/);

    await client(stack, stack.secretKey).auth.admin.deleteUser(user?.id ?? "");
    const sql = postgres(stack.databaseUrl, { max: 1 });
    try {
      assert.deepEqual([...await sql`select from public.profiles where id = ${user?.id ?? null}`], []);
      const [row] = await sql`select encrypted_password from auth.users limit 1`;
      assert.doesNotMatch(row?.encrypted_password, new RegExp(password));
    } finally {
      await sql.end();
    }
  } finally {
    await Deno.remove(migrationsDirectory, { recursive: true });
  }
});

Deno.test("what cannot be held, and who comes at the wrong moment, is told so", async (t) => {
  await using stack = await startFixture();
  const admin = client(stack, stack.secretKey).auth.admin;

  await t.step("text that Postgres cannot hold names its field", async () => {
    const ada = client(stack, stack.publishableKey);
    await ada.auth.signUp({ email: newEmail(), password });
    for (const text of ["\0", "\ud800"]) {
      const { error } = await ada.auth.updateUser({ data: { text } });
      assert.deepEqual([error?.status, error?.code], [400, "validation_failed"]);
      assert.match(error?.message ?? "", /data/);
      const refreshed = await ada.auth.refreshSession({ refresh_token: text });
      assert.deepEqual([refreshed.error?.status, refreshed.error?.code], [400, "validation_failed"]);
    }
  });

  await t.step("who refreshes while signing out is refreshed or signed out", async () => {
    for (let round = 0; round < 20; round++) {
      const ada = client(stack, stack.publishableKey);
      const { data } = await ada.auth.signUp({ email: newEmail(), password });
      assert(data.session);
      const other = client(stack, stack.publishableKey);
      const [refreshed] = await Promise.all([
        other.auth.refreshSession({ refresh_token: data.session.refresh_token }),
        ada.auth.signOut(),
      ]);
      assert(refreshed.error === null || refreshed.error.code === "refresh_token_not_found", refreshed.error?.message);
    }
  });

  await t.step("who is deleted while signing in is signed in or not known", async () => {
    for (let round = 0; round < 10; round++) {
      const email = newEmail();
      const { data } = await admin.createUser({ email, password, email_confirm: true });
      const [signedIn] = await Promise.all([
        client(stack, stack.publishableKey).auth.signInWithPassword({ email, password }),
        admin.deleteUser(data.user?.id ?? ""),
      ]);
      assert(signedIn.error === null || signedIn.error.code === "invalid_credentials", signedIn.error?.message);
    }
  });

  await t.step("a browser that is sent to an OAuth provider is told that there is none", async () => {
    const { data } = await client(stack, stack.publishableKey).auth.signInWithOAuth({
      provider: "github",
      options: { skipBrowserRedirect: true },
    });
    const response = await fetch(data.url ?? "");
    assert.deepEqual([response.status, (await response.json()).error_code], [422, "oauth_provider_not_supported"]);
  });
});
