/** Brings what is installed up to this release, and keeps what the app has changed. */
import { type App, CONFIG_FILE, ENV_FILE, lockOf } from "./app.ts";
import type { Change } from "./change.ts";
import { takenObjects } from "./collisions.ts";
import { replaceTables } from "./config_toml.ts";
import { addSettings } from "./env_example.ts";
import { baseOf, formatLock, hash, type Lock, LOCK_FILE } from "./lock.ts";
import { asLines } from "./line_ends.ts";
import { lockRelease } from "./lock_release.ts";
import { merge } from "./merge.ts";
import { compose, fileOf, newParts, objectsOf } from "./migration.ts";
import { Refusal } from "./refusal.ts";
import type { Release } from "./release.ts";

export interface Upgrade {
  readonly changes: readonly Change[];
  /** Files in which both have changed the same lines. They have git's marks. */
  readonly conflicts: readonly string[];
}

/**
 * What to change; nothing where this release is installed already.
 *
 * @throws Refusal when nothing is installed, or something is in the way
 */
export async function upgrade(app: App, release: Release, now = new Date()): Promise<Upgrade> {
  const lock = lockOf(app);
  const parts = newParts(release.migrations, lock.migrations);
  const conflicts: string[] = [];
  const changes: Change[] = [];
  const reasons = takenObjects(app, objectsOf(parts, lock.view));

  for (const path of new Set([...Object.keys(lock.files), ...release.files.keys()])) {
    const before = await app.read(path);
    const outcome = next(lock.files[path], before, release.files.get(path), release.version);
    if (outcome.kind === "refuse") reasons.push(`${path}: ${outcome.why}`);
    else if (outcome.after !== before) changes.push({ path, before, after: outcome.after, note: outcome.note });
    if (outcome.kind === "conflict") conflicts.push(path);
  }

  const blocks = { ...lock.blocks };
  const config = replaceTables(app.config, blocks[CONFIG_FILE] ?? "", lock.functions, release.functions);
  if (config.outcome === "refused") reasons.push(...config.reasons);
  else {
    blocks[CONFIG_FILE] = config.block;
    if (config.text !== app.config) changes.push({ path: CONFIG_FILE, before: app.config, after: config.text });
  }
  if (reasons.length > 0) throw new Refusal(reasons);

  const env = await app.read(ENV_FILE);
  const settings = addSettings(env ?? "", release.settings, blocks[ENV_FILE]);
  if (settings) {
    blocks[ENV_FILE] = settings.block;
    changes.push({ path: ENV_FILE, before: env, after: settings.text, note: "further settings" });
  }
  if (parts.length > 0) {
    changes.push({
      path: fileOf(app, `execution_contexts_${release.version.replaceAll(/\W/g, "_")}`, now),
      before: null,
      after: compose(release.version, parts, lock.view, lock.objects),
      note: `${parts.length} of ours in one`,
    });
  }
  const updated: Lock = {
    ...lock,
    ...lockRelease(release, lock.view),
    blocks,
  };
  const before = await app.read(LOCK_FILE);
  if (formatLock(updated) !== formatLock(lock)) changes.push({ path: LOCK_FILE, before, after: formatLock(updated) });
  return { changes, conflicts };
}

type Outcome =
  | { readonly kind: "take" | "conflict"; readonly after: string | null; readonly note?: string }
  | { readonly kind: "refuse"; readonly why: string };

/** What becomes of one file. */
function next(
  installed: Lock["files"][string] | undefined,
  current: string | null,
  ours: string | undefined,
  version: string,
): Outcome {
  if (installed === undefined) {
    return current === null || current === ours
      ? { kind: "take", after: ours ?? null }
      : { kind: "refuse", why: "is there already, and not from here." };
  }
  const isEdited = current !== null && hash(current) !== installed.sha256;
  // Whatever its line ends.
  const isOurs = current !== null && asLines(current) === ours;
  if (ours === undefined) {
    return isEdited
      ? { kind: "refuse", why: "is edited, and no part of this release any more. Remove it, or move it elsewhere." }
      : { kind: "take", after: null };
  }
  if (isOurs) return { kind: "take", after: current };
  if (!isEdited) return { kind: "take", after: ours };
  if (hash(ours) === installed.sha256) return { kind: "take", after: current };
  const { text, conflicts } = merge(baseOf(installed), asLines(current), ours, version);
  return conflicts === 0
    ? { kind: "take", after: text, note: "merged with your edits" }
    : { kind: "conflict", after: text, note: `${conflicts} conflict${conflicts === 1 ? "" : "s"} with your edits` };
}
