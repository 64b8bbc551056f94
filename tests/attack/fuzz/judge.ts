/** What an answer must not be. */
import { z } from "zod";
import type { FuzzRequest } from "./request.ts";
import type { Sent } from "./send.ts";

const errorSchema = z.looseObject({ code: z.string().min(1), message: z.string().min(1), retryable: z.boolean() });
const codeSchema = z.looseObject({ code: z.string() });

/** What is wrong with what came back, in words; null when nothing is. */
export function judge(request: FuzzRequest, sent: Sent): string | null {
  if (sent.outcome === "stuck") return "no answer, and the connection stays open";
  if (sent.outcome === "silent") return request.silence ? null : "the connection was closed without an answer";
  const { status, headers, body } = sent.reply;
  const told = `answered ${status} ${body.slice(0, 300)}`;
  if (status < 300) return request.refused ? `must be refused, and is ${told}` : wrongEvents(body);
  // The functions put it on each answer; the others are the local gateway's, its servers' and PostgREST's own.
  if (!headers.has("x-request-id")) {
    // The one without a process is told also by who could not serve a broken request; a function that threw is not.
    const isBroken = body.includes("Function exited due to an error") || status >= 500 && !request.silence;
    return isBroken ? `${told}, and not by a function` : null;
  }
  if (request.method === "HEAD") return null;
  const error = errorSchema.safeParse(parsed(body));
  if (!error.success) return `${told}, which is no { code, message, retryable }`;
  return error.data.code === "internal" || error.data.code === "misconfigured" ? told : null;
}

/** The outcome, for the count of them. */
export function outcomeOf(sent: Sent): string {
  if (sent.outcome !== "answered") return sent.outcome;
  const code = codeSchema.safeParse(parsed(sent.reply.body));
  return code.success ? `${sent.reply.status} ${code.data.code}` : String(sent.reply.status);
}

/** A stream that has begun tells its failure as an event. */
function wrongEvents(body: string): string | null {
  const failure = /^event: failure\ndata: (\{"code":"internal".*)$/m.exec(body)?.[1];
  return failure === undefined ? null : `a stream told ${failure}`;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}
