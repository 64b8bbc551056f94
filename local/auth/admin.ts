/** What a service does with users: `/admin/users`. */

import { z } from "zod";
import { Email, Metadata, parse, readBody } from "./body.ts";
import { AuthError } from "./error.ts";
import { userBody } from "./user_body.ts";
import type { User, Users } from "./users.ts";

const Change = z.strictObject({
  email: Email.optional(),
  password: z.string().optional(),
  email_confirm: z.boolean().optional(),
  app_metadata: Metadata.optional(),
  user_metadata: Metadata.optional(),
});
const NewUser = Change.extend({ id: z.uuid().optional() });
const Deletion = z.object({ should_soft_delete: z.boolean().default(false) });

const positive = z.string().regex(/^[1-9]\d*$/, "must be a whole number from 1 on").transform(Number);
const Page = z.object({
  page: positive.default(1),
  per_page: positive.pipe(z.int().max(1000)).default(50),
});

/**
 * Answers `<method> /admin/users` and `<method> /admin/users/<id>`.
 * @param id null where the path names no user
 * @returns null for a method that there is not
 */
export async function administer(request: Request, id: string | null, users: Users): Promise<Response | null> {
  if (id === null) {
    if (request.method === "POST") return await createUser(request, users);
    return request.method === "GET" ? await listUsers(request, users) : null;
  }
  switch (request.method) {
    case "GET":
      return Response.json(userBody(await find(id, users)));
    case "PUT": {
      const { user_metadata, app_metadata, email_confirm, ...change } = await readBody(request, Change);
      const user = await users.change((await find(id, users)).id, {
        ...change,
        // As with Supabase Auth, an address that a service sets is good.
        isConfirmed: email_confirm ?? change.email !== undefined,
        userMetadata: user_metadata,
        appMetadata: app_metadata,
      });
      return Response.json(userBody(user));
    }
    case "DELETE": {
      const { should_soft_delete } = await readBody(request, Deletion);
      if (should_soft_delete) {
        throw new AuthError(
          400,
          "validation_failed",
          "should_soft_delete: the local stack's Auth deletes for good only",
        );
      }
      await users.remove((await find(id, users)).id);
      return Response.json({});
    }
    default:
      return null;
  }
}

async function createUser(request: Request, users: Users): Promise<Response> {
  const { id, email, password, email_confirm, user_metadata, app_metadata } = await readBody(request, NewUser);
  if (email === undefined) {
    throw new AuthError(400, "validation_failed", "Cannot create a user without either an email or phone");
  }
  const user = await users.add({
    id,
    email,
    password,
    isConfirmed: email_confirm,
    userMetadata: user_metadata,
    appMetadata: app_metadata,
  });
  return Response.json(userBody(user));
}

async function listUsers(request: Request, users: Users): Promise<Response> {
  const url = new URL(request.url);
  const { page, per_page } = parse(Page, Object.fromEntries([...url.searchParams].filter(([, value]) => value !== "")));
  const { users: listed, total } = await users.list(page, per_page);
  const last = Math.max(1, Math.ceil(total / per_page));
  const link = (to: number, rel: string) =>
    `<${url.origin}${url.pathname}?page=${to}&per_page=${per_page}>; rel="${rel}"`;
  return Response.json({ users: listed.map(userBody), aud: "authenticated" }, {
    headers: {
      "x-total-count": String(total),
      link: [...(page < last ? [link(page + 1, "next")] : []), link(last, "last")].join(", "),
    },
  });
}

async function find(id: string, users: Users): Promise<User> {
  if (!z.uuid().safeParse(id).success) throw new AuthError(404, "validation_failed", "user_id must be an UUID");
  const user = await users.find(id);
  if (user === undefined) throw new AuthError(404, "user_not_found", "User not found");
  return user;
}
