/** What is asked all the time must not cost more with each context that ever was. */
import assert from "node:assert/strict";
import { sequentialScans } from "../bench/growth/measure.ts";
import { OPERATIONS } from "../bench/growth/operations.ts";
import { insertActive, insertEnded, rest } from "../bench/growth/rows.ts";
import { useDatabase } from "../support/database.ts";

/** A session plans a statement for good at its sixth execution. */
const CALLS = 8;
const ACTIVE = 2000;
const ENDED = 20_000;

const database = useDatabase({ max: 1, fetch_types: false });
Deno.test.beforeAll(async () => {
  await insertEnded(database.sql, ENDED);
  await insertActive(database.sql, ACTIVE);
  await rest(database.sql);
});

for (const [name, operation] of Object.entries(OPERATIONS)) {
  Deno.test(`${name}: no call reads the whole table of contexts`, async () => {
    const before = await sequentialScans(database.sql);
    for (let call = 0; call < CALLS; call++) {
      await operation({ active: ACTIVE, ended: ENDED, sql: database.sql });
    }
    assert.equal(await sequentialScans(database.sql), before);
  });
}
