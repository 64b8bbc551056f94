/** What the tests of a file share: made before the first of them, unmade after the last. */
import assert from "node:assert/strict";

/**
 * Registers the making with the file's tests. `make` hands over what has to be unmade as it makes it, so that nothing
 * is left where it fails halfway. What this returns is there once the tests run.
 */
export function shared<T>(make: (parts: AsyncDisposableStack) => Promise<T>): () => T {
  const parts = new AsyncDisposableStack();
  let made: { readonly value: T } | undefined;
  Deno.test.beforeAll(async () => {
    made = { value: await make(parts) };
  });
  Deno.test.afterAll(() => parts.disposeAsync());
  return () => {
    assert(made, "what a file's tests share is there only while they run");
    return made.value;
  };
}
