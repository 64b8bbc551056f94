/** Who calls, and for which tenant. */
import type { SupabaseContext } from "@supabase/server";
import { idSchema } from "./contract/path.ts";
import { ContextError } from "./errors.ts";

/**
 * A signed-in user acts for themselves, in one tenant; a service, which holds a secret key, names the tenant in each
 * request, and the user if it acts for one.
 */
export type Caller =
  | { readonly kind: "user"; readonly tenantId: string; readonly userId: string }
  | { readonly kind: "service" };

/**
 * The caller behind a verified request.
 *
 * The tenant is `app_metadata.tenant_id`, which only the server can set; `user_metadata` is the user's own to write.
 *
 * @throws ContextError `forbidden_tenant` when the token names a tenant that is not a usable id.
 */
export function callerOf(context: Pick<SupabaseContext, "authMode" | "userClaims">): Caller {
  if (context.authMode === "secret") return { kind: "service" };
  if (!context.userClaims) {
    throw new ContextError("forbidden_tenant", "This endpoint serves users and services only.");
  }
  const tenantId = idSchema.safeParse(context.userClaims.appMetadata?.tenant_id ?? context.userClaims.id);
  if (!tenantId.success) {
    throw new ContextError(
      "forbidden_tenant",
      "The token's app_metadata.tenant_id is not a text of 1 to 255 characters.",
    );
  }
  return { kind: "user", tenantId: tenantId.data, userId: context.userClaims.id };
}

/**
 * The tenant that a request is for.
 *
 * @throws ContextError `forbidden_tenant` when a user names another tenant; `invalid_request` when a service names none.
 */
export function tenantOf(caller: Caller, requested: string | undefined): string {
  if (caller.kind === "service") {
    if (requested === undefined) {
      throw new ContextError("invalid_request", "tenant_id is required when a secret key is used.", {
        field: "tenant_id",
      });
    }
    return requested;
  }
  if (requested !== undefined && requested !== caller.tenantId) {
    throw new ContextError("forbidden_tenant", "tenant_id is not the tenant of this token.", { field: "tenant_id" });
  }
  return caller.tenantId;
}

/**
 * The user whom a request is for. Null: a service asks for the tenant.
 *
 * @throws ContextError `forbidden_user` when a user names another one
 */
export function userOf(caller: Caller, requested: string | undefined): string | null {
  if (caller.kind === "service") return requested ?? null;
  if (requested !== undefined && requested !== caller.userId) {
    throw new ContextError("forbidden_user", "user_id is not the user of this token.", { field: "user_id" });
  }
  return caller.userId;
}

/** What is told where nothing new is begun: for anybody, or for this tenant. */
export function notServed(why: "closed" | "tenant_disabled"): ContextError {
  return why === "closed"
    ? new ContextError("closed", "Nothing new is begun at the moment. What there is can be ended.")
    : new ContextError("tenant_disabled", "This tenant is disabled.", { field: "tenant_id" });
}

/** What a user is told whom a conversation is not open to. */
export function forbiddenConversation(): ContextError {
  return new ContextError("forbidden_conversation", "This conversation belongs to another user, or to the tenant.", {
    field: "conversation_id",
  });
}

/**
 * Lets services pass only.
 *
 * @throws ContextError `forbidden` for users
 */
export function serviceOnly(caller: Caller): void {
  if (caller.kind !== "service") throw new ContextError("forbidden", "This is for services, with a secret key.");
}
