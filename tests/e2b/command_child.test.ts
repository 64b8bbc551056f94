/** A command of a shell in the form of a program. */
import assert from "node:assert/strict";
import { commandChild, type CommandResult } from "../../local/e2b/pyodide/shell/command_child.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (text: string) => new TextEncoder().encode(text);
const ended = (stdout: string, stderr = ""): CommandResult => ({
  code: 0,
  signal: null,
  stdout: bytes(stdout),
  stderr: bytes(stderr),
});

Deno.test("it is given all of its input, when that has ended", async () => {
  const child = commandChild(7, async (stdin) => ended(text(await stdin).toUpperCase(), "e"), () => {});
  const writer = child.stdin.getWriter();
  await writer.write(bytes("one "));
  await writer.write(bytes("two"));
  await writer.close();
  assert.deepEqual(await child.status, { code: 0, signal: null });
  assert.deepEqual([await new Response(child.stdout).text(), await new Response(child.stderr).text()], [
    "ONE TWO",
    "e",
  ]);
});

Deno.test("a long output comes in pieces", async () => {
  const child = commandChild(7, () => Promise.resolve(ended("x".repeat(200_000))), () => {});
  await child.stdin.close();
  const lengths = (await Array.fromAsync(child.stdout)).map((piece) => piece.length);
  assert.deepEqual(lengths, [65_536, 65_536, 65_536, 3_392]);
  await child.stderr.cancel();
});

Deno.test("it is killed before its input has ended, too", async () => {
  let kills = 0;
  const child = commandChild(7, async (stdin) => ended(text(await stdin)), () => kills++);
  child.kill("SIGTERM");
  assert.deepEqual(await child.status, { code: 143, signal: "SIGTERM" });
  assert.equal(await new Response(child.stdout).text(), "");
  assert.equal(kills, 1);
});

Deno.test("one that has ended is not killed: what ran it may run another", async () => {
  let kills = 0;
  const child = commandChild(7, () => Promise.resolve(ended("over")), () => kills++);
  await child.stdin.close();
  await child.status;
  child.kill("SIGKILL");
  assert.equal(kills, 0);
  assert.equal(await new Response(child.stdout).text(), "over");
});

Deno.test("more input than a command takes is refused", async () => {
  const child = commandChild(7, () => Promise.resolve(ended("")), () => {});
  const writer = child.stdin.getWriter();
  await writer.write(new Uint8Array(16 * 1024 ** 2));
  await assert.rejects(writer.write(bytes("x")), /at most/);
  await writer.closed.catch(() => {});
});
