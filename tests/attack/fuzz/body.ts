/** Bodies of the right shape, as lists of keys and values in JSON, and how one to three of them turn hostile. */
import type { Random } from "../../guarantee/chaos/random.ts";
import { type Path, PATHS, TENANT } from "./scene.ts";
import { hostileName, hostileValue, oneOf } from "./values.ts";

export type Name = "acquire-context" | "execute-code" | "terminate-context";

/** Keys and values, both as JSON. A list, because a key may come twice. */
type Field = readonly [key: string, value: string];

/** A body that the function takes. */
export function validBody(random: Random, name: Name, path: Path = oneOf(random, PATHS)): Field[] {
  const fields = Object.entries({ ...path, tenant_id: TENANT });
  const more = name === "execute-code"
    ? {
      code: oneOf(random, ["1 + 1", "globalThis.n = (globalThis.n ?? 0) + 1", "console.log('a'); null", "x.y"]),
      language: "javascript",
      // Long enough for a kernel that starts on a busy machine.
      timeout_ms: 20_000,
      ...(random.next() < 0.3 ? { envs: { A: "a" } } : {}),
      ...(random.next() < 0.2 ? { files: [{ path: "a.txt", content: "a" }], outputs: ["a.txt"] } : {}),
      ...(random.next() < 0.2 ? { idempotency_key: `key-${random.between(0, 20)}` } : {}),
    }
    : name === "acquire-context" && random.next() < 0.3
    ? { ttl_seconds: random.between(60, 600) }
    : {};
  return [...fields, ...Object.entries(more)].map(([key, value]) => [JSON.stringify(key), JSON.stringify(value)]);
}

export function toJson(fields: readonly Field[]): string {
  return `{${fields.map(([key, value]) => `${key}:${value}`).join(",")}}`;
}

/** A body that the function would take but for one to three hostile changes. */
export function hostileBody(random: Random, name: Name): string {
  const fields = validBody(random, name);
  for (let left = random.between(1, 3); left > 0; left--) change(random, fields);
  return toJson(fields);
}

function change(random: Random, fields: Field[]): void {
  const at = random.between(0, fields.length - 1);
  const [key, value] = fields[at] ?? ['"path_id"', '"p"'];
  random.pick<() => void>([
    [8, () => fields.splice(at, 1, [key, hostileValue(random)])],
    [2, () => fields.splice(at, 1)],
    [2, () => fields.push([hostileName(random), hostileValue(random)])],
    [1, () => fields.push([key, hostileValue(random)])],
    [1, () => fields.push([key, value])],
    [4, () => fields.push(within(random))],
    [1, () => fields.push(['"context_id"', hostileValue(random)])],
    [1, () => fields.push(['"due"', random.next() < 0.5 ? "true" : hostileValue(random)])],
  ])();
}

/** A field with a shape of its own, hostile inside. */
function within(random: Random): Field {
  const value = hostileValue(random);
  return random.pick([
    [1, ['"envs"', `{${hostileName(random)}:${value}}`]],
    [1, ['"envs"', `{"A":${value},"PATH":"/"}`]],
    [1, ['"files"', `[{"path":${value},"content":"a"}]`]],
    [1, ['"files"', `[{"path":"a","content":${value}}]`]],
    [1, ['"files"', `[{"path":"a","content_base64":${value}}]`]],
    [1, ['"files"', `[{"path":"a","content":"",${hostileName(random)}:${value}}]`]],
    [1, ['"outputs"', `[${value},"b"]`]],
    [1, ['"outputs"', '["a","a","a/b"]']],
    [1, ['"ttl_seconds"', value]],
    [1, ['"timeout_ms"', value]],
    [1, ['"idempotency_key"', value]],
  ]);
}
