/** Metrics as text, read back by a parser that is not ours. */
import assert from "node:assert/strict";
import parse from "parse-prometheus-text-format";
import { metricsText } from "../../supabase/functions/_shared/http/metrics_text.ts";

Deno.test("gauges are read as they were, whatever stands in a label", () => {
  const odd = 'a "quoted" \\ back\\nslash\nand a new line';
  const text = metricsText([
    { name: "one", help: "The first.", samples: [{ value: 1.5 }] },
    {
      name: "many",
      help: "More.",
      samples: [{ value: 0, labels: { a: odd, b: "" } }, { value: 2, labels: { a: "x" } }],
    },
    { name: "none", help: "Nothing is known.", samples: [] },
  ], "prometheus");
  assert.deepEqual(parse(text), [
    { name: "one", help: "The first.", type: "GAUGE", metrics: [{ value: "1.5" }] },
    {
      name: "many",
      help: "More.",
      type: "GAUGE",
      metrics: [{ value: "0", labels: { a: odd, b: "" } }, { value: "2", labels: { a: "x" } }],
    },
    { name: "none", help: "Nothing is known.", type: "GAUGE", metrics: [] },
  ]);
  assert(text.endsWith("\n"));
});

Deno.test("OpenMetrics says where it ends", () => {
  const gauges = [{ name: "one", help: "The first.", samples: [{ value: 1 }] }];
  assert.equal(metricsText(gauges, "openmetrics"), metricsText(gauges, "prometheus") + "# EOF\n");
});
