/** Which of the errors each function may answer, and their statuses. */
import { type ErrorCode, KINDS } from "../../../supabase/functions/_shared/errors.ts";

const ALL = [
  "invalid_request",
  "forbidden_tenant",
  "forbidden_user",
  "method_not_allowed",
  "payload_too_large",
  "cancelled",
  "context_busy",
  "misconfigured",
  "internal",
  "database_unavailable",
] as const satisfies ErrorCode[];

const ACQUIRE = [
  ...ALL,
  "forbidden_conversation",
  "tenant_disabled",
  "closed",
  "quota_exceeded",
  "rate_limited",
  "out_of_sandboxes",
  "cannot_fork",
  "sandbox_unavailable",
  "sandbox_timeout",
] as const satisfies ErrorCode[];

export const ERRORS = {
  "acquire-context": ACQUIRE,
  "execute-code": [
    ...ACQUIRE,
    "idempotency_key_reused",
    "state_lost",
    "execution_running",
    "answer_gone",
    "execution_lost",
  ],
  // A sweep asks E2B for its list.
  "terminate-context": [...ALL, "forbidden", "rate_limited", "sandbox_unavailable", "sandbox_timeout"],
  "GET terminate-context": ["forbidden_tenant", "forbidden", "misconfigured", "internal", "database_unavailable"],
} as const satisfies Record<string, readonly ErrorCode[]>;

/** Those of one function by status. */
export function byStatus(codes: readonly ErrorCode[]): [status: string, codes: ErrorCode[]][] {
  const statuses = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { status } = KINDS[code];
    statuses.set(status, [...statuses.get(status) ?? [], code]);
  }
  return [...statuses].sort(([one], [other]) => one - other).map(([status, codes]) => [String(status), codes]);
}
