/** What has become of the variables that a caller expects. */
import type { Loss } from "../contract/state.ts";
import { ContextError } from "../errors.ts";
import type { ContextCall } from "./context_call.ts";
import type { Context, Previous } from "./context.ts";

/**
 * How the variables were lost that were called `expects`: null when they are the context's, or none are expected. It needs
 * no retention: a name that nobody knows is that of variables which are gone.
 *
 * @throws ContextError
 */
export async function lossOf(
  { store }: Pick<ContextCall, "store">,
  context: Context,
  expects: string | undefined,
): Promise<Loss | null> {
  if (expects === undefined || expects === context.state_id) return null;
  return asLoss(
    await store.lossOf(context, expects) ?? { previous_termination_reason: null, previous_terminated_at: null },
  );
}

/** How variables were lost, as callers are told. */
export function asLoss({ previous_termination_reason: reason, previous_terminated_at: at }: Previous): Loss {
  return { reason, at };
}

/** The refusal of what must not be done without the variables that it expects. */
export function stateLost(stateId: string, lost: Loss): ContextError {
  return new ContextError("state_lost", "The variables that this request expects are gone. Nothing has been run.", {
    about: { state_id: stateId, lost },
  });
}
