/** Sessions and their refresh tokens: the rows of `auth.sessions` and `auth.refresh_tokens`. */

import type postgres from "postgres";
import { z } from "zod";

/** A session, and the refresh token that is next. */
export interface Session {
  readonly id: string;
  readonly userId: string;
  readonly refreshToken: string;
}

/** What came of presenting a refresh token. */
export type Refresh =
  | { readonly outcome: "refreshed"; readonly session: Session }
  | { readonly outcome: "unknown" }
  | { readonly outcome: "used" };

/** Which sessions of a user end, seen from one of them. */
export type Scope = "global" | "local" | "others";

export interface Sessions {
  /** Signs a user in. */
  open(userId: string): Promise<Session>;
  /** Whose the session is; undefined when it has ended. */
  owner(id: string): Promise<string | undefined>;
  /** Exchanges a refresh token for the next one. A token used twice may be a stolen one: it ends the session. */
  refresh(token: string): Promise<Refresh>;
  close(id: string, userId: string, scope: Scope): Promise<void>;
}

/** Two tabs, or a client that lost the answer, may present a token again this soon: Supabase's reuse interval. */
const REUSE_SECONDS = 10;

const Token = z.object({ session_id: z.uuid(), user_id: z.uuid(), is_used: z.boolean(), is_reuse: z.boolean() });
const Next = z.object({ token: z.string() });

/** @param sql connects as a role that may write the tables of `auth` */
export function createSessions(sql: postgres.Sql): Sessions {
  return {
    open: async (userId) => {
      const session = { id: crypto.randomUUID(), userId, refreshToken: crypto.randomUUID() };
      // One statement, because a sign-in is one round trip then, and all of it or nothing.
      await sql`
        with signed_in as (
          update auth.users set last_sign_in_at = now() where id = ${userId}
        ), opened as (
          insert into auth.sessions (id, user_id, created_at, updated_at) values (${session.id}, ${userId}, now(), now())
        )
        insert into auth.refresh_tokens (token, user_id, session_id, revoked, created_at, updated_at)
        values (${session.refreshToken}, ${userId}, ${session.id}, false, now(), now())`;
      return session;
    },
    owner: async (id) => {
      const [row] = await sql`select user_id from auth.sessions where id = ${id}`;
      return row && z.uuid().parse(row.user_id);
    },
    refresh: (presented) =>
      sql.begin(async (transaction): Promise<Refresh> => {
        // The session before its token, as those lock them who end it.
        await transaction`
          select from auth.sessions s
          where s.id = (select t.session_id from auth.refresh_tokens t where t.token = ${presented})
          for update`;
        const [row] = await transaction`
          select session_id, user_id, revoked as is_used,
            revoked and updated_at > now() - make_interval(secs => ${REUSE_SECONDS}) as is_reuse
          from auth.refresh_tokens where token = ${presented}
          for update`;
        if (row === undefined) return { outcome: "unknown" };
        const token = Token.parse(row);
        const session = { id: token.session_id, userId: token.user_id };
        if (!token.is_used) {
          const next = crypto.randomUUID();
          await transaction`
            with used as (
              update auth.refresh_tokens set revoked = true, updated_at = now() where token = ${presented}
            )
            insert into auth.refresh_tokens (token, user_id, session_id, revoked, created_at, updated_at)
            values (${next}, ${session.userId}, ${session.id}, false, now(), now())`;
          return { outcome: "refreshed", session: { ...session, refreshToken: next } };
        }
        if (!token.is_reuse) {
          await transaction`delete from auth.sessions where id = ${session.id}`;
          return { outcome: "used" };
        }
        const [current] = await transaction`
          select token from auth.refresh_tokens where session_id = ${session.id} and not revoked order by id desc limit 1`;
        return { outcome: "refreshed", session: { ...session, refreshToken: Next.parse(current).token } };
      }),
    close: async (id, userId, scope) => {
      await sql`
        delete from auth.sessions
        where user_id = ${userId} and (${scope} = 'global' or (${scope} = 'local') = (id = ${id}))`;
    },
  };
}
