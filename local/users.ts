/** Users and their sessions, in memory: what Supabase Auth keeps in its tables. */

export type Metadata = Record<string, unknown>;

export interface User {
  readonly id: string;
  readonly createdAt: Date;
  updatedAt: Date;
  lastSignInAt: Date;
  appMetadata: Metadata;
  userMetadata: Metadata;
}

export interface Session {
  readonly id: string;
  readonly user: User;
  refreshToken: string;
}

/** What came of presenting a refresh token. */
export type Refresh =
  | { readonly outcome: "refreshed"; readonly session: Session }
  | { readonly outcome: "unknown" }
  | { readonly outcome: "used" };

/** Two tabs, or a client that lost the answer, may present a token again this soon: Supabase's reuse interval. */
const REUSE_MS = 10_000;

export class Users {
  readonly #users = new Map<string, User>();
  readonly #sessions = new Map<string, Session>();
  /** Every refresh token ever given out for a live session, and when it was exchanged for the next one. */
  readonly #refreshTokens = new Map<string, { readonly session: Session; usedAt: number | null }>();

  /** Adds an anonymous user. */
  add(appMetadata: Metadata, userMetadata: Metadata): User {
    const now = new Date();
    const user = {
      id: crypto.randomUUID(),
      createdAt: now,
      updatedAt: now,
      lastSignInAt: now,
      appMetadata,
      userMetadata,
    };
    this.#users.set(user.id, user);
    return user;
  }

  find(id: string): User | undefined {
    return this.#users.get(id);
  }

  /** Merges metadata into the user's; a key whose value is null is removed, as Supabase Auth does. */
  update(user: User, changes: { appMetadata?: Metadata; userMetadata?: Metadata }): void {
    user.appMetadata = merge(user.appMetadata, changes.appMetadata);
    user.userMetadata = merge(user.userMetadata, changes.userMetadata);
    user.updatedAt = new Date();
  }

  openSession(user: User): Session {
    const session = { id: crypto.randomUUID(), user, refreshToken: "" };
    this.#sessions.set(session.id, session);
    this.#rotate(session);
    return session;
  }

  findSession(id: string): Session | undefined {
    return this.#sessions.get(id);
  }

  /** Exchanges a refresh token for the next one. A token used twice may be a stolen one: it ends the session. */
  refresh(token: string): Refresh {
    const known = this.#refreshTokens.get(token);
    if (known === undefined) return { outcome: "unknown" };
    if (known.usedAt !== null && Date.now() - known.usedAt > REUSE_MS) {
      this.closeSession(known.session);
      return { outcome: "used" };
    }
    if (known.usedAt === null) {
      known.usedAt = Date.now();
      this.#rotate(known.session);
    }
    return { outcome: "refreshed", session: known.session };
  }

  closeSession(closed: Session): void {
    this.#sessions.delete(closed.id);
    for (const [token, { session }] of this.#refreshTokens) {
      if (session === closed) this.#refreshTokens.delete(token);
    }
  }

  sessionsOf(user: User): Session[] {
    return [...this.#sessions.values()].filter((session) => session.user === user);
  }

  #rotate(session: Session): void {
    session.refreshToken = crypto.randomUUID();
    this.#refreshTokens.set(session.refreshToken, { session, usedAt: null });
  }
}

function merge(metadata: Metadata, changes: Metadata = {}): Metadata {
  return Object.fromEntries(Object.entries({ ...metadata, ...changes }).filter(([, value]) => value !== null));
}
