import assert from "node:assert/strict";
import { startPatience } from "./patience.ts";
import { runTests } from "./run.ts";
import { descendants } from "./support/processes.ts";
import { inFakeTime } from "./support/fake_time.ts";

Deno.test("tests that are given up are named, and nothing of them is left", async () => {
  const giveUp = new AbortController();
  const printed: string[] = [];
  let ends = 0;
  let stubborn = 0;
  const code = await runTests({
    args: ["tests/fixtures/hanging.ts"],
    env: { NO_COLOR: "1" },
    graceMs: 0,
    giveUp: giveUp.signal,
    onTestEnd: () => ends++,
    onLine: (line) => {
      printed.push(line);
      const [, pid] = /began (\d+)/.exec(line) ?? [];
      if (pid === undefined) return;
      stubborn = Number(pid);
      giveUp.abort();
    },
  });
  const output = printed.join("\n");
  assert.notEqual(code, 0);
  assert.equal(ends, 3, output);
  const [, pending = ""] = output.split("The following tests were pending:");
  assert.match(pending, /^one that hangs => /m, output);
  assert.doesNotMatch(pending, /one that ends|another one/);
  assert.notEqual(stubborn, 0);
  assert.deepEqual(descendants(stubborn), []);
});

Deno.test("patience ends when nothing has renewed it for its time, and not before", async () => {
  await inFakeTime(async (pass) => {
    using patience = startPatience(300, "nothing came");
    await pass(299_000);
    patience.renew();
    await pass(299_000);
    assert(!patience.end.aborted);
    await pass(1_000);
    assert(patience.end.aborted);
    assert.equal(patience.end.reason, "nothing came");
  });
});

Deno.test("patience that nobody needs any more does not end", async () => {
  await inFakeTime(async (pass) => {
    const { end, ...patience } = startPatience(300, "nothing came");
    patience[Symbol.dispose]();
    await pass(301_000);
    assert(!end.aborted);
  });
});
