/** The protocol's model: what Spin finds wrong with it, which is nothing, and with what is broken on purpose. */
import assert from "node:assert/strict";
import { needing } from "../support/needs.ts";
import { SOUND } from "./bounds.ts";
import { MUTATIONS } from "./mutations.ts";
import { check, properties } from "./spin.ts";

const { test } = await needing("Spin", "a C compiler");

for (const { bounds, aim } of SOUND) {
  const { contexts, requests, faults } = bounds;
  const wrong = aim === "states" ? "state is wrong" : "run is without an end";
  test(`with ${contexts} contexts, ${requests} requests and ${faults} faults no ${wrong}`, async () => {
    const { broken } = await check(bounds, aim);
    assert.equal(broken, null);
  });
}

for (const { name, what, breaks, bounds } of MUTATIONS) {
  test(`it is found when ${what}`, async () => {
    const { broken } = await check(bounds, "states", name);
    assert.equal(broken, breaks);
  });
}

Deno.test("each way to break the model that it has is tried, and breaks a property that it has", async () => {
  const model = await Deno.readTextFile(new URL("contexts.pml", import.meta.url));
  const inModel = Array.from(model.matchAll(/(?:#ifn?def |defined\()([A-Z_]+)/g), ([, name]) => name);
  const bounds = ["ROWS", "REQUESTS", "FAULTS"];
  assert.deepEqual(
    [...new Set(inModel)].filter((name) => !bounds.includes(name)).sort(),
    MUTATIONS.map(({ name }) => name).sort(),
  );
  const names = [...(await properties()).values()];
  for (const { breaks } of MUTATIONS) assert(names.includes(breaks), breaks);
});
