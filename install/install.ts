/** Puts a release into an app that does not have one. */
import { type App, CONFIG_FILE, ENV_FILE } from "./app.ts";
import type { Change } from "./change.ts";
import { takenFiles, takenObjects } from "./collisions.ts";
import { addTables } from "./config_toml.ts";
import { addSettings } from "./env_example.ts";
import { formatLock, type Lock, LOCK_FILE } from "./lock.ts";
import { lockRelease } from "./lock_release.ts";
import { compose, fileOf, objectsOf } from "./migration.ts";
import { Refusal } from "./refusal.ts";
import type { Release } from "./release.ts";

/**
 * What to change.
 *
 * @param view what the view of contexts is called in `public`
 * @throws Refusal naming each thing of the app's that is in the way
 */
export async function install(app: App, release: Release, view: string, now = new Date()): Promise<Change[]> {
  if (app.lock) {
    throw new Refusal([
      `${LOCK_FILE}: ${app.lock.version} is installed there. To bring it up to date: upgrade. If an installation was cut short: uninstall, then install.`,
    ]);
  }
  const config = addTables(app.config, release.functions);
  const reasons = [
    ...await takenFiles(app, release.files.keys()),
    ...takenObjects(app, objectsOf(release.migrations, view)),
    ...(config.outcome === "refused" ? config.reasons : []),
  ];
  if (config.outcome === "refused" || reasons.length > 0) throw new Refusal(reasons);

  const env = await app.read(ENV_FILE);
  const settings = addSettings(env ?? "", release.settings);
  const lock: Lock = {
    ...lockRelease(release, view),
    blocks: { [CONFIG_FILE]: config.block, ...(settings ? { [ENV_FILE]: settings.block } : {}) },
    created: env === null ? [ENV_FILE] : [],
  };
  return [
    // The first: of two who install at once one does, and what is cut short can be taken out again.
    { path: LOCK_FILE, before: null, after: formatLock(lock) },
    ...[...release.files].map(([path, after]) => ({ path, before: null, after })),
    {
      path: CONFIG_FILE,
      before: app.config,
      after: config.text,
      note: `${release.functions.length} tables at its end`,
    },
    ...(settings ? [{ path: ENV_FILE, before: env, after: settings.text, note: "settings at its end" }] : []),
    {
      path: fileOf(app, "execution_contexts", now),
      before: null,
      after: compose(release.version, release.migrations, view, null),
      note: `${release.migrations.length} of ours in one`,
    },
  ];
}
