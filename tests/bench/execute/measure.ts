import { Sandbox } from "@e2b/code-interpreter";
import assert from "node:assert/strict";
import { startStack } from "../../../local/stack.ts";
import { invoke, newPath, service } from "../../support/clients.ts";
import { stream } from "../../support/event_stream.ts";

/** All in milliseconds, one entry a round. */
export interface Times {
  /** From the request to the first stdout event, on a warm context. */
  readonly "first output, execute-code": number[];
  /** From `runCode` to its `onStdout`, in the same sandbox. */
  readonly "first output, SDK's runCode": number[];
  /** The same, with the `connect` without which nobody knows that the sandbox lives. */
  readonly "first output, SDK's connect and runCode": number[];
  /** Of the whole call, as JSON. */
  readonly "whole call, execute-code": number[];
  readonly "whole call, SDK's runCode": number[];
  /** From the moment at which a caller leaves an endless run to the end of the next run, asked for at once. */
  readonly "free again after the caller left": number[];
}

/** Measures on a stack of its own. The ways are taken in turn, so that what slows the machine slows all of them. */
export async function measureExecute(rounds: number): Promise<Times> {
  const stack = await startStack();
  try {
    const client = service(stack);
    const path = { ...newPath(), tenant_id: "bench" };
    const { context } = await invoke(client, "execute-code", { ...path, code: "1" });
    assert(context.sandbox_id);
    const options = { apiKey: stack.e2b.apiKey, apiUrl: stack.e2b.url, sandboxUrl: stack.e2b.url };
    const sandbox = await Sandbox.connect(context.sandbox_id, options);

    const ways = {
      "first output, execute-code": async () => {
        const begun = performance.now();
        const events = await stream(client, { ...path, code: "print(1)" });
        await events.until("stdout");
        const took = performance.now() - begun;
        await events.rest();
        return took;
      },
      "first output, SDK's runCode": async () => await firstOutput(sandbox, performance.now()),
      "first output, SDK's connect and runCode": async () => {
        const begun = performance.now();
        return await firstOutput(await Sandbox.connect(sandbox.sandboxId, options), begun);
      },
      "whole call, execute-code": async () => {
        const begun = performance.now();
        await invoke(client, "execute-code", { ...path, code: "print(1)" });
        return performance.now() - begun;
      },
      "whole call, SDK's runCode": async () => {
        const begun = performance.now();
        await sandbox.runCode("print(1)");
        return performance.now() - begun;
      },
    };
    for (let warmUp = 0; warmUp < 10; warmUp++) {
      for (const way of Object.values(ways)) await way();
    }
    const times: Times = {
      "first output, execute-code": [],
      "first output, SDK's runCode": [],
      "first output, SDK's connect and runCode": [],
      "whole call, execute-code": [],
      "whole call, SDK's runCode": [],
      "free again after the caller left": [],
    };
    for (let round = 0; round < rounds; round++) {
      times["first output, execute-code"].push(await ways["first output, execute-code"]());
      times["first output, SDK's runCode"].push(await ways["first output, SDK's runCode"]());
      times["first output, SDK's connect and runCode"].push(await ways["first output, SDK's connect and runCode"]());
      times["whole call, execute-code"].push(await ways["whole call, execute-code"]());
      times["whole call, SDK's runCode"].push(await ways["whole call, SDK's runCode"]());
    }
    for (let round = 0; round < Math.ceil(rounds / 10); round++) {
      const events = await stream(client, { ...path, code: "print('begun')\nwhile True: pass" });
      await events.until("stdout");
      const left = performance.now();
      await events.cancel();
      await sandbox.runCode("1");
      times["free again after the caller left"].push(performance.now() - left);
    }
    return times;
  } finally {
    await stack.stop();
  }
}

async function firstOutput(sandbox: Sandbox, begun: number): Promise<number> {
  let took: number | undefined;
  await sandbox.runCode("print(1)", {
    onStdout: () => {
      took ??= performance.now() - begun;
    },
  });
  assert(took !== undefined);
  return took;
}
