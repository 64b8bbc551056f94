/** Users: the rows of `auth.users`. */

import postgres from "postgres";
import { z } from "zod";
import { Metadata } from "./body.ts";
import { AuthError } from "./error.ts";
import { assertStrong, hashPassword } from "./password.ts";

const Row = z.object({
  id: z.uuid(),
  email: z.string().nullable(),
  encrypted_password: z.string().nullable(),
  email_confirmed_at: z.date().nullable(),
  last_sign_in_at: z.date().nullable(),
  raw_app_meta_data: Metadata.nullable(),
  raw_user_meta_data: Metadata.nullable(),
  created_at: z.date().nullable(),
  updated_at: z.date().nullable(),
  is_anonymous: z.boolean(),
});
export type User = z.infer<typeof Row>;

const EMAIL = { provider: "email", providers: ["email"] };

export interface NewUser {
  readonly id?: string;
  readonly email?: string;
  readonly password?: string;
  readonly isConfirmed?: boolean;
  readonly appMetadata?: z.infer<typeof Metadata>;
  readonly userMetadata?: z.infer<typeof Metadata>;
}

/** What is undefined stays as it is. Metadata is merged into the user's; a key whose value is null goes. */
export type UserChange = Omit<NewUser, "id">;

export interface Users {
  /**
   * Adds a user; one without an e-mail address is anonymous.
   * @throws {AuthError} `email_exists`, `weak_password`
   */
  add(user: NewUser): Promise<User>;
  find(id: string): Promise<User | undefined>;
  findByEmail(email: string): Promise<User | undefined>;
  /** A page of all users, those who came last first, and how many there are. The first page is 1. */
  list(page: number, pageSize: number): Promise<{ readonly users: User[]; readonly total: number }>;
  /**
   * Whoever gets an e-mail address is anonymous no more.
   * @throws {AuthError} `email_exists`, `weak_password`, `user_not_found` when it was deleted meanwhile
   */
  change(id: string, change: UserChange): Promise<User>;
  /** Deletes the user, whose sessions go too. */
  remove(id: string): Promise<void>;
}

/** @param sql connects as a role that may write the tables of `auth` */
export function createUsers(sql: postgres.Sql): Users {
  return {
    add: async (user) => {
      const { id = crypto.randomUUID(), email = null, isConfirmed = false } = user;
      const appMetadata = JSON.stringify(merge(email === null ? {} : EMAIL, user.appMetadata));
      const userMetadata = JSON.stringify(merge({}, user.userMetadata));
      const [row] = await written(sql`
        insert into auth.users (
          id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data, raw_user_meta_data,
          created_at, updated_at, is_anonymous
        )
        values (
          ${id}, 'authenticated', 'authenticated', ${email}, ${await hashed(user.password)},
          ${isConfirmed ? new Date() : null}, ${appMetadata}::text::jsonb, ${userMetadata}::text::jsonb,
          now(), now(), ${email === null}
        )
        returning *`);
      return Row.parse(row);
    },
    find: async (id) => {
      const [row] = await sql`select * from auth.users where id = ${id}`;
      return row && Row.parse(row);
    },
    findByEmail: async (email) => {
      const [row] = await sql`select * from auth.users where email = ${email} and not is_sso_user`;
      return row && Row.parse(row);
    },
    list: async (page, pageSize) => {
      const rows = await sql`
        select * from auth.users order by created_at desc, id limit ${pageSize} offset ${(page - 1) * pageSize}`;
      const [count] = await sql`select count(*)::int as total from auth.users`;
      return { users: z.array(Row).parse([...rows]), total: z.int().parse(count?.total) };
    },
    change: async (id, { email, password, isConfirmed, appMetadata, userMetadata }) => {
      const hash = await hashed(password);
      return await sql.begin(async (transaction) => {
        const [row] = await transaction`select * from auth.users where id = ${id} for update`;
        if (row === undefined) throw new AuthError(404, "user_not_found", "User not found");
        const before = Row.parse(row);
        const provider = email === undefined ? {} : EMAIL;
        const appMetadataAfter = JSON.stringify(merge({ ...provider, ...before.raw_app_meta_data }, appMetadata));
        const userMetadataAfter = JSON.stringify(merge(before.raw_user_meta_data, userMetadata));
        const [after] = await written(transaction`
          update auth.users set
            email = ${email ?? before.email},
            is_anonymous = is_anonymous and ${email === undefined},
            encrypted_password = coalesce(${hash}, encrypted_password),
            email_confirmed_at = case when ${isConfirmed ?? false} then coalesce(email_confirmed_at, now())
              else email_confirmed_at end,
            raw_app_meta_data = ${appMetadataAfter}::text::jsonb,
            raw_user_meta_data = ${userMetadataAfter}::text::jsonb,
            updated_at = now()
          where id = ${id}
          returning *`);
        return Row.parse(after);
      });
    },
    remove: async (id) => {
      await written(sql`delete from auth.users where id = ${id}`);
    },
  };
}

async function hashed(password: string | undefined): Promise<string | null> {
  if (password === undefined) return null;
  assertStrong(password);
  return await hashPassword(password);
}

function merge(metadata: z.infer<typeof Metadata> | null, changes: z.infer<typeof Metadata> = {}) {
  return Object.fromEntries(Object.entries({ ...metadata, ...changes }).filter(([, value]) => value !== null));
}

/** What the database says against a change: that the address is another user's, or what a trigger of the app said. */
async function written<T>(statement: Promise<T>): Promise<T> {
  try {
    return await statement;
  } catch (error) {
    if (!(error instanceof postgres.PostgresError)) throw error;
    if (error.constraint_name === "users_email_partial_key") {
      throw new AuthError(422, "email_exists", "A user with this email address has already been registered");
    }
    if (error.constraint_name === "users_pkey") {
      throw new AuthError(422, "user_already_exists", "A user with this id has already been registered");
    }
    throw new AuthError(500, "unexpected_failure", `Database error saving user: ${error.message}`);
  }
}
