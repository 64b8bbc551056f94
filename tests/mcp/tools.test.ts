/** What agents can do with the tools, by the official clients. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { invoke, newPath, service, user } from "../support/clients.ts";
import { useStack } from "../support/stack.ts";
import { agents, mcpUrl, signedIn, textOf } from "./agents.ts";

const local = useStack({ functions: 2 });

const TOOLS = ["run_code", "restart", "upload_file", "download_file", "branch"];

/** A picture of one point. */
const POINT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

for (const [kind, connect] of Object.entries(agents)) {
  const begin = async (query: Record<string, string> = {}) =>
    await connect(mcpUrl(local.stack, query), await signedIn(await user(local.stack)));

  Deno.test(`${kind} is offered five tools, and runs code whose variables stay`, async () => {
    await using agent = await begin();
    assert.deepEqual(await agent.tools(), TOOLS);
    const printed: string[] = [];
    const first = await agent.call("run_code", { code: "x = 41\nprint('hi')\nx" }, {
      onPrinted: (text) => printed.push(text),
    });
    assert.deepEqual(first, { content: [{ type: "text", text: "hi\n41" }] });
    assert.equal(printed.join(""), "hi\n");
    assert.equal(textOf(await agent.call("run_code", { code: "x + 1" })), "42");
    const raised = await agent.call("run_code", { code: "1 / 0" });
    assert.match(textOf(raised), /ZeroDivisionError: division by zero$/);
    // It is the code's, which the model reads as it reads what the code prints.
    assert.equal(raised.isError, undefined);
    assert.equal(textOf(await agent.call("run_code", { code: "console.log(6 * 7)", language: "javascript" })), "42");
  });

  Deno.test(`${kind} is shown pictures`, async () => {
    await using agent = await begin();
    const code = `import base64
class Picture:
    def _repr_png_(self): return base64.b64decode("${POINT}")
Picture()`;
    const { content } = await agent.call("run_code", { code });
    assert.deepEqual(content[1], { type: "image", mimeType: "image/png", data: POINT });
    await agent.call("upload_file", { file: "point.png", content_base64: POINT });
    const taken = await agent.call("download_file", { file: "point.png" });
    assert.deepEqual(taken.content, [{ type: "image", mimeType: "image/png", data: POINT }]);
  });

  Deno.test(`${kind} puts files in and takes files out`, async () => {
    await using agent = await begin();
    await agent.call("upload_file", { file: "data/in.csv", content: "a,b\n1,2\n" });
    const code = `text = open("data/in.csv").read()
open("out.txt", "w").write(text.upper())
open("bytes.bin", "wb").write(bytes([0, 255]))
None`;
    await agent.call("run_code", { code });
    assert.deepEqual((await agent.call("download_file", { file: "out.txt" })).content, [
      { type: "resource", resource: { uri: "sandbox:///out.txt", mimeType: "text/plain", text: "A,B\n1,2\n" } },
    ]);
    assert.deepEqual((await agent.call("download_file", { file: "bytes.bin" })).content, [
      {
        type: "resource",
        resource: { uri: "sandbox:///bytes.bin", mimeType: "application/octet-stream", blob: "AP8=" },
      },
    ]);
    await agent.call("run_code", { code: 'open("long.txt", "w").write("a" * 100_000)' });
    const long = JSON.stringify(await agent.call("download_file", { file: "long.txt" }));
    assert(long.length < 20_000 && long.includes("characters left out"), String(long.length));
    const missing = await agent.call("download_file", { file: "nowhere.txt" });
    assert.deepEqual(missing, { content: [{ type: "text", text: "nowhere.txt is not there." }], isError: true });
  });

  Deno.test(`${kind} branches off, and works on either path`, async () => {
    await using agent = await begin();
    await agent.call("run_code", { code: "x = 1" });
    assert.match(textOf(await agent.call("branch", { path: "other" })), /begins with what "main" has/);
    await agent.call("run_code", { code: "x = 2", path: "other" });
    assert.equal(textOf(await agent.call("run_code", { code: "x" })), "1");
    assert.equal(textOf(await agent.call("run_code", { code: "x", path: "other" })), "2");
    assert.match(textOf(await agent.call("branch", { path: "other" })), /was there already/);
    assert.match(textOf(await agent.call("branch", { path: "third", from: "nowhere" })), /begins empty/);
  });

  Deno.test(`${kind} begins anew, and its model is told once that variables are gone`, async () => {
    await using agent = await begin();
    assert.match(textOf(await agent.call("restart")), /There was no session/);
    await agent.call("run_code", { code: "x = 1" });
    assert.equal(textOf(await agent.call("restart")), "The session has ended.");
    const next = textOf(await agent.call("run_code", { code: "'x' in globals()" }));
    assert.match(
      next,
      /^The Python session was restarted at \S+Z, on request: variables defined before that[^]*False$/,
    );
    // Each of the functions' processes may tell it, but none twice, and always with its time.
    const notes: string[] = [];
    for (let i = 0; i < 6; i++) notes.push(textOf(await agent.call("run_code", { code: "1" })).replace(/\n*1$/, ""));
    assert(notes.filter((note) => note !== "").length <= 1, notes.join());
  });

  Deno.test(`${kind} is told what is wrong with what it asked for`, async () => {
    await using agent = await begin();
    for (
      const [name, input, words] of [
        ["run_code", {}, /^code: /],
        ["run_code", { code: " " }, /^code: must not be empty/],
        ["run_code", { code: "1", timeout_seconds: 100_000 }, /^timeout_seconds: Too big/],
        ["upload_file", { file: "/etc/passwd", content: "" }, /^file: must be relative/],
        ["upload_file", { file: "a.txt" }, /must have either content or content_base64/],
        ["branch", { path: "main" }, /^path: must be another one/],
        ["upload_file", { file: "a", content_base64: "?" }, /^content_base64: must be base64/],
        ["run_code", { code: "1", lang: "r" }, /^lang/],
      ] as const
    ) {
      const answer = await agent.call(name, input);
      assert.equal(answer.isError, true, JSON.stringify(answer));
      assert.match(textOf(answer), words);
    }
    await assert.rejects(agent.call("no_such_tool"));
    // Models write it for what they leave out.
    assert.equal(textOf(await agent.call("run_code", { code: "1", language: null, path: null })), "1");
  });

  Deno.test(`${kind} works in the conversation that its URL names, beside the functions' other callers`, async () => {
    const tenant = crypto.randomUUID();
    const client = await user(local.stack, tenant);
    const path = newPath();
    await invoke(client, "execute-code", { ...path, code: "x = 41" });
    await using agent = await connect(mcpUrl(local.stack, path), await signedIn(client));
    assert.equal(textOf(await agent.call("run_code", { code: "x + 1" })), "42");

    await using stranger = await connect(mcpUrl(local.stack, path), await signedIn(await user(local.stack, tenant)));
    const refused = await stranger.call("run_code", { code: "x" });
    assert.deepEqual(refused, {
      content: [{ type: "text", text: "This conversation belongs to another user, or to the tenant." }],
      isError: true,
    });
  });

  Deno.test(`${kind} of a service works for a tenant, and a user of it`, async () => {
    const path = newPath();
    const who = { tenant_id: crypto.randomUUID(), user_id: crypto.randomUUID() };
    await using agent = await connect(mcpUrl(local.stack, { ...path, ...who }), { apikey: local.stack.secretKey });
    await agent.call("run_code", { code: "x = 41" });
    const { execution } = await invoke(service(local.stack), "execute-code", { ...path, ...who, code: "x + 1" });
    assert.equal(execution.results[0]?.text, "42");
  });
}

Deno.test("an agent of the first SDK does the same", async () => {
  const { Authorization } = await signedIn(await user(local.stack));
  const agent = fileURLToPath(new URL("fixtures/agent.mjs", import.meta.url));
  // It would bring packages that the functions' own would take for theirs, so it has nothing to do with their lock file.
  const args = ["run", "-A", "--no-config", "--no-lock", agent, mcpUrl(local.stack).href, Authorization.slice(7)];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, env: { NO_COLOR: "1" } }).output();
  const text = new TextDecoder();
  assert.equal(code, 0, text.decode(stderr));
  assert.deepEqual(JSON.parse(text.decode(stdout)), {
    tools: TOOLS,
    printed: ["hi\n"],
    text: "hi\n42",
    cancelled: true,
    after: "43",
  });
});
