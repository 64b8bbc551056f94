/** Running a request once, however often it is asked for: its idempotency key is claimed before anything runs. */
import { forbiddenConversation, notServed } from "../caller.ts";
import { asContextError, ContextError } from "../errors.ts";
import { describe, log } from "../log.ts";
import { othersAreLarge, SMALL_BYTES } from "../memory.ts";
import type { PathKey } from "../contexts/path_key.ts";
import { pause } from "../pause.ts";
import type { ExecutionCall } from "./execution_call.ts";
import type { KeptAnswer } from "./key_store.ts";

/**
 * Does `work` unless a request with this key and body has, and returns its answer, or that of the other one. Another
 * request that is at it now is waited for. `hasRoom` says whether an answer of so many bytes may be fetched, and may wait.
 *
 * @throws ContextError `context_busy` when it may not; `idempotency_key_reused` for another body; `cancelled` when it was
 * stopped before it ran; `execution_lost` when the process that ran it has died; `answer_gone` when its answer is kept no
 * more; `execution_running` when it runs longer than this request may wait
 */
export async function once(
  call: Pick<ExecutionCall, "config" | "keys" | "answerBy" | "gone" | "ending">,
  key: PathKey & { readonly idempotencyKey: string; readonly body: object },
  hasRoom: (bytes: number) => Promise<boolean>,
  work: (executionId: string) => Promise<KeptAnswer>,
): Promise<{ readonly answer: KeptAnswer; readonly replayed: boolean }> {
  const executionId = crypto.randomUUID();
  const claimed = { ...key, requestHash: await hash(key.body) };
  let mostBytes = SMALL_BYTES;
  for (let polls = 0;;) {
    const claim = await call.keys.claim(executionId, claimed, call.config.execution.leaseSeconds, mostBytes);
    switch (claim.outcome) {
      case "claimed":
        return { answer: await keptAlive(call, executionId, work), replayed: false };
      case "finished":
        if (claim.answer) return { answer: claim.answer, replayed: true };
        if (!await hasRoom(claim.answer_bytes)) throw othersAreLarge();
        mostBytes = claim.answer_bytes;
        break;
      case "running":
        if (call.gone.aborted) throw new ContextError("cancelled", "The caller went away.");
        if (await pause(polls++, call.answerBy, call.ending)) break;
        throw new ContextError("execution_running", "The request with this idempotency key is still running.", {
          retryAfterSeconds: 1,
        });
      case "tenant_disabled":
        throw notServed(claim.outcome);
      case "forbidden":
        throw forbiddenConversation();
      case "mismatch":
        throw new ContextError(
          "idempotency_key_reused",
          "Another request has used this idempotency_key, with another body.",
          { field: "idempotency_key" },
        );
      case "thrown_out":
        throw new ContextError(
          "answer_gone",
          "The request with this idempotency key has run, and its answer is kept no more: the tenant has had more kept since than it may. To run it again, use another key.",
        );
      case "stopped":
        throw new ContextError("cancelled", "The request with this idempotency key was stopped before its code ran.");
      case "lost":
        throw new ContextError(
          "execution_lost",
          "The request with this idempotency key was cut off while its code may have run. How far it came is not known. To run it again, use another key.",
        );
    }
  }
}

async function keptAlive(
  { config, keys }: Pick<ExecutionCall, "config" | "keys">,
  executionId: string,
  work: (executionId: string) => Promise<KeptAnswer>,
): Promise<KeptAnswer> {
  const failed = (event: string) => (error: unknown) =>
    log("error", { event, execution_id: executionId, error: describe(error) });
  const { leaseSeconds } = config.execution;
  const renewal = setInterval(() => {
    keys.keep(executionId, leaseSeconds).catch(failed("claim_not_renewed"));
  }, leaseSeconds * 1000 / 3);
  try {
    return await work(executionId);
  } catch (thrown) {
    const { code } = asContextError(thrown);
    // Of what failed in any other way nothing has run: whoever asks again may run it.
    if (code !== "execution_lost" && code !== "internal") {
      await keys.release(executionId).catch(failed("claim_not_released"));
    }
    throw thrown;
  } finally {
    clearInterval(renewal);
  }
}

/** SHA-256 of a body, whatever the order of its fields. */
async function hash(body: object): Promise<string> {
  const text = JSON.stringify(
    body,
    (_key, value: unknown) =>
      value instanceof Object && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1))
        : value,
  );
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
