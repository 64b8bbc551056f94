/** Which conversation a request is for: the one that its URL names, or that of the agent's session. */
import * as z from "zod/mini";
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

/** Where a tool works that is told of no other path. */
const PATH = "main";
/** The conversation of an agent that names none, and has no session: one for each user. */
const CONVERSATION = "mcp";

export interface Session {
  /** The agent's, where its revision of the protocol has sessions. */
  readonly id?: string;
  /** Whether the conversation is the session's own. */
  readonly isOwn: boolean;
  /** What names the conversation in requests. */
  readonly conversation: {
    readonly tenant_id?: string;
    readonly user_id?: string;
    readonly conversation_id: string;
  };
  readonly pathId: string;
}

/** @throws ContextError `invalid_request` */
export function sessionOf(request: Request): Session {
  const query = checked(querySchema, Object.fromEntries(new URL(request.url).searchParams));
  const { conversation_id, path_id = PATH, ...party } = query;
  const id = request.headers.get(SESSION_ID) ?? undefined;
  const own = id === undefined ? CONVERSATION : checked(idSchema, `${CONVERSATION}-${id}`);
  return {
    id,
    isOwn: id !== undefined && conversation_id === undefined,
    conversation: { ...party, conversation_id: conversation_id ?? own },
    pathId: path_id,
  };
}

/** DELETE: the agent is done. What its session had is ended; a conversation that has a name of its own stays. */
export const endSession: Method = async (exchange) => {
  await perform(exchange, {
    read: (request) => Promise.resolve(sessionOf(request)),
    operation: async (call, { isOwn, conversation }) => {
      if (!isOwn) throw new ContextError("method_not_allowed", "There is no session to end.");
      await terminate(call, conversation);
    },
  });
  return new Response(null, { status: 204 });
};
