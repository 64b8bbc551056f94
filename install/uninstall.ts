/** Takes everything out of an app again that was put into it. */
import { type App, CONFIG_FILE, ENV_FILE, lockOf } from "./app.ts";
import type { Change } from "./change.ts";
import { edited } from "./compare.ts";
import { replaceTables } from "./config_toml.ts";
import { removeSettings } from "./env_example.ts";
import { LOCK_FILE } from "./lock.ts";
import { fileOf } from "./migration.ts";
import { Refusal } from "./refusal.ts";
import { composeRemoval } from "./removal.ts";

/**
 * What to change. What was migrated is dropped by one more migration: theirs may have been pushed anywhere.
 *
 * @param discardEdits whether files go that the app has edited
 * @throws Refusal when nothing is installed, or would be lost
 */
export async function uninstall(app: App, discardEdits: boolean, now = new Date()): Promise<Change[]> {
  const lock = lockOf(app);
  const reasons: string[] = [];
  if (!discardEdits) {
    for (const { path, current } of await edited(app)) {
      if (current !== null) reasons.push(`${path}: has your edits. To remove it all the same: --discard-edits`);
    }
  }
  const config = replaceTables(app.config, lock.blocks[CONFIG_FILE] ?? "", lock.functions, []);
  if (config.outcome === "refused") throw new Refusal([...reasons, ...config.reasons]);
  if (reasons.length > 0) throw new Refusal(reasons);

  const files = await Promise.all(
    Object.keys(lock.files).map(async (path) => ({ path, before: await app.read(path), after: null })),
  );
  return [
    ...files.filter(({ before }) => before !== null),
    ...(config.text === app.config ? [] : [{ path: CONFIG_FILE, before: app.config, after: config.text }]),
    ...await withoutSettings(app, lock.blocks[ENV_FILE], lock.created.includes(ENV_FILE)),
    {
      path: fileOf(app, "remove_execution_contexts", now),
      before: null,
      after: composeRemoval(lock),
      note: "drops what is ours",
    },
    { path: LOCK_FILE, before: await app.read(LOCK_FILE), after: null },
  ];
}

/** Settings that were edited since stay: they may hold what somebody wants to know. */
async function withoutSettings(app: App, block: string | undefined, isOurFile: boolean): Promise<Change[]> {
  const before = await app.read(ENV_FILE);
  if (block === undefined || before === null) return [];
  const after = removeSettings(before, block);
  if (after === null) return [];
  return [{ path: ENV_FILE, before, after: after === "" && isOurFile ? null : after }];
}
