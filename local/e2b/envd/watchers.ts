/** Watchers that clients ask what they saw, in the place of a stream. */

import { z } from "zod";
import { readBody } from "../http.ts";
import type { Change } from "../machine/files.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { ConnectError } from "./connect_error.ts";
import type { User } from "./user.ts";
import { CHANGE_LIMIT, eventOf, tooManyChanges, type Watch, watchSchema } from "./watch.ts";

const BODY_LIMIT = 64 * 1024;
const MAX_WATCHERS = 100;

const idSchema = z.object({ watcherId: z.string() });

interface Watcher {
  readonly watch: Watch;
  /** What nobody has asked for yet; one more than the limit when some were left out. */
  changes: Change[];
  readonly remove: () => void;
}

const watchersOf = new WeakMap<Sandbox, Map<string, Watcher>>();

export async function createWatcher(request: Request, sandbox: Sandbox, user: User) {
  const watch = await readBody(request, watchSchema(user), BODY_LIMIT);
  const watchers = watchersOf.get(sandbox) ?? new Map<string, Watcher>();
  if (watchers.size >= MAX_WATCHERS) {
    throw new ConnectError("resource_exhausted", `a sandbox has at most ${MAX_WATCHERS} watchers`);
  }
  watchersOf.set(sandbox, watchers);
  const removing = new AbortController();
  const watcher: Watcher = { watch, changes: [], remove: () => removing.abort() };
  const signal = AbortSignal.any([removing.signal, sandbox.end]);
  await sandbox.machine.files.watch(watch.path, { recursive: watch.recursive, signal }, (change) => {
    if (watcher.changes.length <= CHANGE_LIMIT) watcher.changes.push(change);
  });
  const watcherId = `w${crypto.randomUUID()}`;
  watchers.set(watcherId, watcher);
  return { watcherId };
}

export async function watcherEvents(request: Request, sandbox: Sandbox) {
  const { watcherId } = await readBody(request, idSchema, BODY_LIMIT);
  const { watch, changes } = find(sandbox, watcherId);
  if (changes.length > CHANGE_LIMIT) throw tooManyChanges();
  const told = changes.splice(0);
  return { events: await Promise.all(told.map((change) => eventOf(sandbox.machine.files, watch, change))) };
}

export async function removeWatcher(request: Request, sandbox: Sandbox) {
  const { watcherId } = await readBody(request, idSchema, BODY_LIMIT);
  find(sandbox, watcherId).remove();
  watchersOf.get(sandbox)?.delete(watcherId);
  return {};
}

function find(sandbox: Sandbox, watcherId: string): Watcher {
  const watcher = watchersOf.get(sandbox)?.get(watcherId);
  if (watcher === undefined) throw new ConnectError("not_found", `watcher with id ${watcherId} not found`);
  return watcher;
}
