/** Settings, and the files that must agree with one another. */
import assert from "node:assert/strict";
import { readConfig } from "../supabase/functions/_shared/config.ts";
import { ContextError } from "../supabase/functions/_shared/errors.ts";

const read = (path: string) => Deno.readTextFile(new URL(`../${path}`, import.meta.url));

Deno.test("the defaults are those that .env.example shows", async () => {
  const example = Object.fromEntries(
    (await read("supabase/functions/.env.example")).split("\n")
      .filter((line) => /^[A-Z]/.test(line)).map((line) => line.split("=", 2)),
  );
  assert.deepEqual(readConfig({ ...example, E2B_API_KEY: "k" }), readConfig({ E2B_API_KEY: "k" }));
});

Deno.test("the defaults", () => {
  const config = readConfig({ E2B_API_KEY: "k" });
  assert.equal(config.context.ttlSeconds, 1800);
  assert.equal(config.context.leaseSeconds, 60);
  assert.equal(config.sandbox.probationSeconds, 90);
  assert.equal(config.sandbox.template, "code-interpreter-v1");
  assert.equal(config.sandbox.internetAccess, false);
  assert.equal(config.sandbox.publicTraffic, false);
});

Deno.test("executions get no longer than a worker has left that gets a request in its last moment", () => {
  const limits = (more: Record<string, string>) => {
    const { answer, stream } = readConfig({ E2B_API_KEY: "k", ...more });
    return [answer, stream].map(({ requestSeconds, timeoutSeconds, maxTimeoutSeconds }) => [
      requestSeconds,
      timeoutSeconds,
      maxTimeoutSeconds,
    ]);
  };
  assert.deepEqual(limits({}), [[70, 30, 45], [70, 30, 45]]);
  // A paid plan: what does not begin to answer within 150 seconds is cut off all the same, and what runs is at 360.
  assert.deepEqual(limits({ WORKER_SECONDS: "400" }), [[145, 30, 120], [180, 30, 155]]);
  assert.deepEqual(limits({ EXECUTION_MAX_TIMEOUT_SECONDS: "30" }), [[70, 30, 30], [70, 30, 30]]);
  assert.deepEqual(limits({ EXECUTION_TIMEOUT_SECONDS: "200", WORKER_SECONDS: "400" }), [
    [145, 120, 120],
    [180, 155, 155],
  ]);
});

Deno.test("no sandbox's life is shorter than the longest run in it", () => {
  const read = (env: Record<string, string>) => () => readConfig({ E2B_API_KEY: "k", ...env });
  const refusal = { code: "misconfigured", message: /CONTEXT_MAX_TTL_SECONDS is not valid \(must be at least \d+/ };
  // Whatever the TTL is: what a caller asks for counts as well.
  const [enough, tooLittle] = [{ CONTEXT_MAX_TTL_SECONDS: "75" }, { CONTEXT_MAX_TTL_SECONDS: "74" }];
  read(enough)();
  assert.throws(read(tooLittle), refusal);
  // Of a paid plan a stream may use all.
  assert.throws(read({ ...enough, WORKER_SECONDS: "400" }), refusal);
  read({ ...enough, WORKER_SECONDS: "400", EXECUTION_MAX_TIMEOUT_SECONDS: "45" })();
  read({ CONTEXT_MAX_TTL_SECONDS: "60", EXECUTION_MAX_TIMEOUT_SECONDS: "30" })();
});

Deno.test("everything that is wrong is named at once", () => {
  const read = () =>
    readConfig({
      CONTEXT_TTL_SECONDS: "soon",
      SANDBOX_INTERNET_ACCESS: "yes",
      SANDBOX_LANGUAGES: "cobol",
      E2B_API_URL: "",
    });
  assert.throws(read, (error) => {
    assert(error instanceof ContextError);
    assert.equal(error.code, "misconfigured");
    assert.match(error.message, /E2B_API_KEY is not set/);
    assert.match(error.message, /CONTEXT_TTL_SECONDS is not valid/);
    assert.match(error.message, /SANDBOX_INTERNET_ACCESS is not valid/);
    assert.match(error.message, /SANDBOX_LANGUAGES is not valid/);
    assert.doesNotMatch(error.message, /E2B_API_URL/);
    return true;
  });
});

Deno.test("deployed code and local code use the same versions, pinned", async () => {
  const local: Record<string, string> = JSON.parse(await read("deno.json")).imports;
  const deployed: Record<string, string> = JSON.parse(await read("supabase/functions/deno.json")).imports;
  for (const [name, specifier] of Object.entries(deployed)) {
    assert.match(specifier, /^npm:.+@\d+\.\d+\.\d+(\/.+)?$/, `${name} floats at deploy: deno.lock is not uploaded`);
    if (name in local) assert.equal(local[name], specifier, name);
  }
});

Deno.test("every function is in config.toml with its auth mode and the one import map", async () => {
  const config = await read("supabase/config.toml");
  for await (const entry of Deno.readDir(new URL("../supabase/functions", import.meta.url))) {
    if (!entry.isDirectory || entry.name.startsWith("_")) continue;
    const section = config.split(`[functions.${entry.name}]`)[1]?.split("\n[")[0] ?? "";
    assert.match(section, /verify_jwt = false/, entry.name);
    assert.match(section, /import_map = "\.\/functions\/deno\.json"/, entry.name);
  }
});
