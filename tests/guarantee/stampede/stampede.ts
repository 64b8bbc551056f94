/** A hundred callers at once, through several processes: what the provider created, and what the callers were told. */
import type { Stack } from "../../../local/stack.ts";
import { newPath, user } from "../../support/clients.ts";
import { created, killBehindOurBack, providerOf } from "../../support/provider.ts";

export interface Stampede {
  /** Sandboxes created at the provider. */
  readonly creates: number;
  /** Answers with status 200. */
  readonly ok: number;
  /** Different context ids in the answers. */
  readonly contexts: number;
}

/** All callers acquire one new path. */
export async function onNewPath(stack: Stack, callers: number): Promise<Stampede> {
  const path = newPath();
  return await stampede(stack, Array.from({ length: callers }, () => path));
}

/** Each caller acquires a new path of its own. */
export async function onOwnPaths(stack: Stack, callers: number): Promise<Stampede> {
  return await stampede(stack, Array.from({ length: callers }, newPath));
}

/** All callers acquire a path whose sandbox has just been killed behind our back. */
export async function onLostSandbox(stack: Stack, callers: number): Promise<Stampede> {
  const path = newPath();
  const client = await user(stack);
  const { data } = await client.functions.invoke("acquire-context", { body: path });
  await killBehindOurBack(providerOf(stack), data.context.id);
  return await stampede(stack, Array.from({ length: callers }, () => path), client);
}

async function stampede(
  stack: Stack,
  paths: { conversation_id: string }[],
  client?: Awaited<ReturnType<typeof user>>,
): Promise<Stampede> {
  const caller = client ?? await user(stack);
  const before = created(stack).length;
  const answers = await Promise.all(paths.map((body) => caller.functions.invoke("acquire-context", { body })));
  const stampede = {
    creates: created(stack).length - before,
    ok: answers.filter(({ error }) => error === null).length,
    contexts: new Set(answers.map(({ data }) => data?.context.id)).size,
  };
  await Promise.all(
    [...new Set(paths.map((path) => path.conversation_id))].map((conversation_id) =>
      caller.functions.invoke("terminate-context", { body: { conversation_id } })
    ),
  );
  return stampede;
}
