/** A short, seeded chaos. `deno task chaos` is the long one. */
import assert from "node:assert/strict";
import { chaos } from "./chaos/chaos.ts";

Deno.test("eight seconds of chaos end without a violation", async () => {
  const report = await chaos({ seconds: 8, processes: 2, seed: 20261124, paths: 3, clientsPerPath: 3, races: [10] });
  assert.deepEqual(report.violation_details, []);
  assert.equal(report.active_rows, report.sandboxes_alive);
  assert(
    report.operations > 0 && report.kills > 0 &&
      Object.keys(report.faults).length > 0,
  );
  // While faults go on, a create may have to be repeated; not by each of the ten.
  assert(report.races.ours.every((race) => race.creates <= 3), JSON.stringify(report.races));
});
