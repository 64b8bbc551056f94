/** What an app has already under the names that an installation would take. */
import type { App } from "./app.ts";
import { isOurs } from "./migration.ts";
import { OPTIONAL } from "./release.ts";
import { keyOf, objectsMadeBy, type SchemaObject } from "./schema_objects.ts";

/** What the system that this one replaces has made: the migrations take it over. */
const TAKEN_OVER = [
  "relation copilot_internal.execution_contexts",
  "function copilot_internal.cleanup_old_terminated_contexts",
];

/** Files that are there already, in words, one a line. */
export async function takenFiles(app: App, paths: Iterable<string>): Promise<string[]> {
  const taken: string[] = [];
  for (const path of paths) {
    if (await app.read(path) === null) continue;
    const name = OPTIONAL.find((name) => path.startsWith(`supabase/functions/${name}/`));
    const remedy = name === undefined ? "" : ` Leave ours out: --without ${name}`;
    taken.push(`${path}: is there already, and not from here.${remedy}`);
  }
  return taken;
}

/** Objects that the app's own migrations make, in words, one a line. */
export function takenObjects(app: App, objects: readonly SchemaObject[]): string[] {
  const names = new Set(objects.map(keyOf).filter((key) => !TAKEN_OVER.includes(key)));
  const theirs = app.migrations.filter((migration) => !isOurs(migration));
  // In their order: what one makes another may drop.
  const made = objectsMadeBy(theirs.map(({ sql }) => sql).join("\n")).filter((object) => names.has(keyOf(object)));
  return made.map((object) => {
    const place = theirs.find(({ sql }) => objectsMadeBy(sql).some((one) => keyOf(one) === keyOf(object)));
    const isView = object.kind === "relation" && object.schema === "public";
    return `${object.schema}.${object.name}: is made by supabase/migrations/${place?.name}.sql.${
      isView ? " Name the view otherwise: --view NAME" : ""
    }`;
  });
}
