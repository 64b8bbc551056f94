/** What an app has already under the names that an installation would take. */
import type { App } from "./app.ts";
import { isOurs, VIEW } from "./migration.ts";
import type { Release } from "./release.ts";
import { keyOf, objectsMadeBy } from "./schema_objects.ts";

/** What the system that this one replaces has made: the migrations take it over. */
const TAKEN_OVER = [
  "relation copilot_internal.execution_contexts",
  "function copilot_internal.cleanup_old_terminated_contexts",
];

/** In words, one a collision; none where the app can take all of it. */
export async function collisions(app: App, release: Release, view: string): Promise<string[]> {
  const files: string[] = [];
  for (const path of release.files.keys()) {
    if (await app.read(path) !== null) files.push(`${path}: is there already, and not from here.`);
  }
  const ours = release.migrations.flatMap(({ sql }) =>
    objectsMadeBy(sql.replaceAll(`public.${VIEW}`, `public.${view}`))
  );
  const names = new Set(ours.map(keyOf).filter((key) => !TAKEN_OVER.includes(key)));
  // In their order: what one makes another may drop.
  const theirs = app.migrations.filter((migration) => !isOurs(migration));
  const made = objectsMadeBy(theirs.map(({ sql }) => sql).join("\n")).filter((object) => names.has(keyOf(object)));
  const objects = made.map((object) => {
    const place = theirs.find(({ sql }) => objectsMadeBy(sql).some((one) => keyOf(one) === keyOf(object)));
    const remedy = object.kind === "relation" && object.schema === "public"
      ? " Name the view otherwise: --view NAME"
      : "";
    return `${object.schema}.${object.name}: is made by supabase/migrations/${place?.name}.sql.${remedy}`;
  });
  return [...files, ...objects];
}
