import type { Failure } from "./advice.ts";

/** What failed, and what to do about it. */
export function FailureView({ failure: { message, advice } }: { readonly failure: Failure }) {
  return (
    <div class="failure" role="alert">
      <strong>{message}</strong>
      <p>{advice}</p>
    </div>
  );
}
