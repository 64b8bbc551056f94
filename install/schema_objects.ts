/** What SQL makes, by name: to find what would collide with an app's own, and what is to be dropped again. */

export interface SchemaObject {
  /** Tables and views share their names; functions have theirs. */
  readonly kind: "relation" | "function";
  readonly schema: string;
  readonly name: string;
}

const WORD = String.raw`(?:"[^"]+"|[a-z_][a-z0-9_$]*)`;
const STATEMENT = new RegExp(
  String.raw`\b(create|drop)\s+(?:or\s+replace\s+)?(?:(?:global|local|temp|temporary|unlogged|recursive)\s+)*` +
    String.raw`(table|view|materialized\s+view|sequence|function|procedure)\s+(?:if\s+(?:not\s+)?exists\s+)?` +
    String.raw`((?:${WORD}\s*\.\s*)?${WORD})`,
  "gi",
);

/** What is there after all statements, each in the schema that it names: `public` where it names none. */
export function objectsMadeBy(sql: string): SchemaObject[] {
  const made = new Map<string, SchemaObject>();
  for (const [, verb, type, path] of withoutComments(sql).matchAll(STATEMENT)) {
    const words = path.match(new RegExp(WORD, "gi")) ?? [];
    const [name = "", schema = "public"] = words.map(unquoted).reverse();
    const kind = /^(function|procedure)$/i.test(type) ? "function" as const : "relation" as const;
    const object = { kind, schema, name };
    if (verb.toLowerCase() === "create") made.set(keyOf(object), object);
    else made.delete(keyOf(object));
  }
  return [...made.values()];
}

/** Their names in `public`, of one kind, each once. */
export function publicNames(objects: readonly SchemaObject[], kind: SchemaObject["kind"]): string[] {
  const ours = objects.filter((object) => object.schema === "public" && object.kind === kind);
  return [...new Set(ours.map(({ name }) => name))];
}

export function keyOf({ kind, schema, name }: SchemaObject): string {
  return `${kind} ${schema}.${name}`;
}

function withoutComments(sql: string): string {
  return sql.replaceAll(/--[^\n]*|\/\*[\s\S]*?\*\//g, " ");
}

function unquoted(word: string): string {
  return word.startsWith('"') ? word.slice(1, -1) : word.toLowerCase();
}
