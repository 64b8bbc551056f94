/** What a lock says of a release, wherever that is installed. */
import { hash, type Lock, lockedFile } from "./lock.ts";
import { objectsOf } from "./migration.ts";
import type { Release } from "./release.ts";
import { publicNames } from "./schema_objects.ts";

/** @param view what the view of contexts is called in `public` */
export function lockRelease(release: Release, view: string): Omit<Lock, "blocks" | "created"> {
  const objects = objectsOf(release.migrations, view);
  return {
    version: release.version,
    view,
    without: [...release.without],
    functions: [...release.functions],
    files: Object.fromEntries([...release.files].map(([path, text]) => [path, lockedFile(text)])),
    migrations: Object.fromEntries(release.migrations.map(({ name, sql }) => [name, hash(sql)])),
    objects: { relations: publicNames(objects, "relation"), functions: publicNames(objects, "function") },
  };
}
