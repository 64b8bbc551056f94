/** Environment variables hold any value, are no code to the kernel, and are gone for the next run. */
import assert from "node:assert/strict";
import { languageSchema } from "../../supabase/functions/_shared/contract/execute_code.ts";
import { splicedEnvs } from "../../supabase/functions/_shared/sandbox/env_vars.ts";
import { invoke, newPath, refused, user } from "../support/clients.ts";
import { at, useFaultyStack } from "../support/faulty_stack.ts";
import { eventually } from "../support/settle.ts";

const faulty = useFaultyStack({ env: { SANDBOX_LANGUAGES: languageSchema.options.join() } });

/** Each would end the literal that the template writes it into, or the line, in one language or another. */
const values: Record<string, string> = {
  EMPTY: "",
  PLAIN: "plain",
  SINGLE: "'; injected = True; '",
  DOUBLE: '"; injected = True; "',
  TRIPLE: "'''\ninjected = True\n'''",
  BACKSLASH: "\\",
  ESCAPED_QUOTE: "\\'; injected = True #",
  LINES: "\ninjected = True\r\ninjected = True\r",
  UNICODE_LINES: "\u2028injected = True\u2029!echo injected\u0085%time",
  UNICODE_ESCAPE: "\\u0027; injected = True; \\u0022 \\x27 \\047",
  TEMPLATE: "${injected = true} `injected` $(injected) $HOME %s {injected}",
  CONTROL: Array.from({ length: 31 }, (_, code) => String.fromCharCode(code + 1)).join("") + "\x7f",
  OTHERS: "žluťoučký кінь 馬 🐎",
};

for (const language of ["python", "javascript", "typescript"]) {
  Deno.test(`${language} reads each value as it was sent, and no code`, async () => {
    const client = await user(faulty.stack);
    const path = newPath();
    const names = JSON.stringify(Object.keys(values));
    const code = language === "python"
      ? `import json, os\nprint(json.dumps([{name: os.environ[name] for name in ${names}}, "injected" in globals()]))`
      // In parentheses: what stands before it must have ended.
      : `(console).log(JSON.stringify([Object.fromEntries(${names}.map((name) => [name, process.env[name]])), typeof injected !== "undefined"]))`;
    const { execution } = await invoke(client, "execute-code", { ...path, language, code, envs: values });
    assert.equal(execution.status, "ok", execution.error?.traceback);
    assert.deepEqual(JSON.parse(execution.stdout), [values, false]);
  });
}

Deno.test("bash reads each value as it was sent, and no code", async () => {
  for (const [name, value] of Object.entries(splicedEnvs("bash", values))) {
    const { success, stdout } = await new Deno.Command("bash", {
      args: ["-c", `export ${name}='${value}'\nprintf %s "$${name}"`],
      env: { LC_ALL: "C.UTF-8" },
    }).output();
    assert(success, name);
    assert.equal(new TextDecoder().decode(stdout), values[name], name);
  }
});

Deno.test("in every language a value stays within its quotes", () => {
  for (const language of languageSchema.options) {
    for (const [name, value] of Object.entries(splicedEnvs(language, values))) {
      const of = `${language} ${name}: ${value}`;
      assert.doesNotMatch(value, /[\n\r\0]/, of);
      // Bash has no escapes between single quotes: it ends them, and quotes the one character in another way.
      const inside = language === "bash"
        ? value.replaceAll(/'\$'\\u[0-9a-f]{4}''/g, "")
        : value.replaceAll(/\\./gs, "");
      assert.doesNotMatch(inside, language === "bash" ? /'/ : /['"\\]/, of);
      // Java reads these before it looks for the end of the literal.
      if (language === "java") assert.doesNotMatch(value.replaceAll("\\\\", ""), /\\u/, of);
    }
  }
});

Deno.test("the next run does not see them", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const code = "import os\nprint(os.environ.get('GREETING'))";
  const seen = async (more?: object) =>
    (await invoke(client, "execute-code", { ...path, code, ...more })).execution.stdout.trim();
  assert.equal(await seen({ envs: { GREETING: "it's me" } }), "it's me");
  assert.equal(await seen(), "None");
});

Deno.test("not after a run that took one of them away itself, nor after one whose connection broke", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  const code = "import os\nprint([name for name in os.environ if name.startswith('SECRET')])";
  const envs = { SECRET_A: "a", SECRET_B: "b" };
  await invoke(client, "execute-code", { ...path, code: "import os\nos.environ.pop('SECRET_A')", envs });
  assert.equal((await invoke(client, "execute-code", { ...path, code })).execution.stdout, "[]\n");

  faulty.proxy.intercept(at.execute, { kind: "drop", when: "after" });
  await refused(client, "execute-code", { ...path, code: "1", envs });
  await eventually(
    "the variables are gone",
    async () => (await invoke(client, "execute-code", { ...path, code })).execution.stdout === "[]\n",
  );
});

Deno.test("not after a run that raised either, nor after one that ran out of time", async () => {
  const client = await user(faulty.stack);
  const path = newPath();
  for (const code of ["1 / 0", "while True: pass"]) {
    await invoke(client, "execute-code", { ...path, code, envs: { SECRET: "x" }, timeout_ms: 500 });
    const { execution } = await invoke(client, "execute-code", {
      ...path,
      code: "import os\nprint(os.environ.get('SECRET'))",
    });
    assert.equal(execution.stdout, "None\n", code);
  }
});
