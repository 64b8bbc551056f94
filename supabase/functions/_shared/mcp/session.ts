/** Which conversation a request is for: the one that its URL names, or one of the agent's own. */
import * as z from "zod/mini";
import type { Caller } from "../caller.ts";
import { terminate } from "../contexts/terminate.ts";
import { idSchema, partyFields, strictFields } from "../contract/path.ts";
import { ContextError } from "../errors.ts";
import { checked } from "../http/body.ts";
import { type Method, perform } from "../http/perform.ts";
import { SESSION_ID } from "./headers.ts";

/** What the URL may say, after its `?`. */
const querySchema = strictFields({
  ...partyFields,
  conversation_id: z.optional(idSchema),
  path_id: z.optional(idSchema),
});

const sessionIdSchema = z.string().check(z.regex(/^[\x21-\x7e]{1,200}$/));

/** Where a tool works that is told of no other path. */
const PATH = "main";
/** How long a conversation that is the agent's alone may stand idle, in seconds: it wakes with its variables. */
const OWN_TTL_SECONDS = 300;

export interface Session {
  /** The agent's, where its revision of the protocol has sessions. */
  readonly id?: string;
  /** Whether the conversation is the agent's alone: nobody else has a name for it. */
  readonly isOwn: boolean;
  /** What names the conversation in requests. */
  readonly conversation: {
    readonly tenant_id?: string;
    readonly user_id?: string;
    readonly conversation_id: string;
  };
  readonly pathId: string;
  /** Of what runs there; undefined: as the settings say. */
  readonly ttlSeconds?: number;
}

/** @throws ContextError `invalid_request` */
export function sessionOf(request: Request, caller: Caller): Session {
  const query = checked(querySchema, Object.fromEntries(new URL(request.url).searchParams));
  const { conversation_id, path_id = PATH, ...party } = query;
  const id = sessionIdOf(request);
  const isOwn = conversation_id === undefined;
  return {
    id,
    isOwn,
    conversation: { ...party, conversation_id: conversation_id ?? ownConversation(id, caller, party.user_id) },
    pathId: path_id,
    ttlSeconds: isOwn ? OWN_TTL_SECONDS : undefined,
  };
}

function sessionIdOf(request: Request): string | undefined {
  const given = request.headers.get(SESSION_ID);
  // The later revisions have none, whatever a client sends.
  if (given === null || isStateless(request)) return undefined;
  const id = sessionIdSchema.safeParse(given);
  if (!id.success) throw new ContextError("invalid_request", `${SESSION_ID} must be 1 to 200 visible characters.`);
  return id.data;
}

/** Whether the request is of a revision without sessions: those of 2026 and later. */
export function isStateless({ headers }: Request): boolean {
  return (headers.get("Mcp-Protocol-Version") ?? "") >= "2026";
}

/** Conversations belong to users, of which a tenant has several: without a session each has one. */
function ownConversation(sessionId: string | undefined, caller: Caller, userId: string | undefined): string {
  if (sessionId !== undefined) return `mcp session ${sessionId}`;
  return `mcp user ${caller.kind === "user" ? caller.userId : userId ?? "none"}`;
}

/** DELETE: the agent is done. What its session had is ended; a conversation that others may use stays. */
export const endSession: Method = async (exchange) => {
  await perform(exchange, {
    read: () => Promise.resolve(),
    operation: async (call) => {
      const { id, isOwn, conversation } = sessionOf(exchange.request, call.caller);
      if (id === undefined || !isOwn) throw new ContextError("method_not_allowed", "There is no session to end.");
      await terminate(call, conversation);
    },
  });
  return new Response(null, { status: 204 });
};
