/** What the native kernel tells of figures and data frames beside their pictures, as the unchanged SDK reads it. */
import assert from "node:assert/strict";
import { type ChartTypes, type Result, Sandbox } from "@e2b/code-interpreter";
import { useSandboxes } from "./kernels.ts";

const chartTest = useSandboxes(["native"]);

const PLT = "import matplotlib.pyplot as plt\n";

async function results(sandbox: Sandbox, code: string): Promise<Result[]> {
  const { results, error } = await sandbox.runCode(code);
  assert.equal(error, undefined, error?.traceback);
  return results;
}

async function only(sandbox: Sandbox, code: string): Promise<Result> {
  const [result, ...more] = await results(sandbox, code);
  assert(result);
  assert.equal(more.length, 0);
  return result;
}

/** The chart of a cell that shows one figure. */
async function chart(sandbox: Sandbox, code: string): Promise<ChartTypes> {
  const { chart, png } = await only(sandbox, `${PLT}${code}\nplt.show()`);
  assert(chart);
  assert.match(png ?? "", /^iVBOR/);
  return chart;
}

/** For what only some types of charts have. */
function fields(chart: ChartTypes): Record<string, unknown> {
  return { ...chart };
}

chartTest("lines are told with their units, ticks and labels", async ({ sandbox }) => {
  const line = await chart(
    sandbox,
    `
plt.plot([1, 2, 3], [2.5, 1, float("nan")], label="a")
plt.plot([1, 3], [2, 2])
plt.axhline(2, color="red")
plt.title("Speed")
plt.xlabel("Time (s)"); plt.ylabel("Distance [km]")
plt.xticks([1, 2, 3])`,
  );
  const { y_ticks, y_tick_labels, ...rest } = fields(line);
  assert.ok(Array.isArray(y_ticks) && Array.isArray(y_tick_labels));
  assert.equal(y_ticks.length, y_tick_labels.length);
  assert.ok(y_ticks.length > 1 && y_ticks.every((tick) => typeof tick === "number"));
  assert.deepEqual(rest, {
    type: "line",
    title: "Speed",
    x_label: "Time (s)",
    y_label: "Distance [km]",
    x_unit: "s",
    y_unit: "km",
    x_ticks: [1, 2, 3],
    x_tick_labels: ["1", "2", "3"],
    x_scale: "linear",
    y_scale: "linear",
    elements: [
      { label: "a", points: [[1, 2.5], [2, 1], [3, null]] },
      { label: "Line 1", points: [[1, 2], [3, 2]] },
    ],
  });
});

chartTest("dates, categories and logarithms are scales of their own", async ({ sandbox }) => {
  const dates = fields(
    await chart(
      sandbox,
      `
import datetime
days = [datetime.date(2023, 9, day) for day in range(1, 4)]
plt.plot(days, [1, 10, 100])
plt.yscale("log")`,
    ),
  );
  assert.deepEqual([dates.x_scale, dates.y_scale], ["datetime", "log"]);
  assert.ok(Array.isArray(dates.x_ticks) && dates.x_ticks.length > 0);
  assert.ok(dates.x_ticks.every((tick) => Date.parse(tick) >= Date.parse("2023-08-31")));
  assert.deepEqual(dates.elements, [
    { label: "Line 0", points: [["2023-09-01", 1], ["2023-09-02", 10], ["2023-09-03", 100]] },
  ]);

  const categories = fields(await chart(sandbox, "plt.plot([1, 2], ['low', 'high'])"));
  assert.deepEqual([categories.x_scale, categories.y_scale], ["linear", "categorical"]);
  assert.deepEqual([categories.y_ticks, categories.y_tick_labels], [[0, 1], ["low", "high"]]);
  assert.deepEqual(categories.elements, [{ label: "Line 0", points: [[1, "low"], [2, "high"]] }]);

  const seconds = fields(
    await chart(
      sandbox,
      `
import numpy as np
plt.plot(np.array(["2024-01-01T10:00:00", "NaT"], dtype="datetime64[ms]"), [1, 2])`,
    ),
  );
  assert.deepEqual(seconds.elements, [{ label: "Line 0", points: [["2024-01-01T10:00:00", 1], [null, 2]] }]);
});

chartTest("scattered points are told by their sets", async ({ sandbox }) => {
  const scatter = fields(
    await chart(
      sandbox,
      `
plt.scatter([1, 2], [3, 4], label="A")
plt.scatter([5], [6], label="B")
plt.axvline(3)`,
    ),
  );
  assert.deepEqual([scatter.type, scatter.title, scatter.x_scale], ["scatter", null, "linear"]);
  assert.deepEqual(scatter.elements, [
    { label: "A", points: [[1, 3], [2, 4]] },
    { label: "B", points: [[5, 6]] },
  ]);
  const named = fields(await chart(sandbox, "plt.scatter(['a', 'b'], [1, 2], label='A')"));
  assert.deepEqual([named.x_scale, named.elements], ["categorical", [{ label: "A", points: [["a", 1], ["b", 2]] }]]);
});

chartTest("bars have the label below them, also side by side, on top of each other and lying", async ({ sandbox }) => {
  const bar = await chart(
    sandbox,
    `
plt.bar(["A", "B"], [100, 200], label="Sold")
plt.xlabel("Author"); plt.ylabel("Books (k)")`,
  );
  assert.deepEqual(fields(bar), {
    type: "bar",
    title: null,
    x_label: "Author",
    y_label: "Books (k)",
    x_unit: null,
    y_unit: "k",
    elements: [{ label: "A", value: 100, group: "Sold" }, { label: "B", value: 200, group: "Sold" }],
  });
  const lying = fields(await chart(sandbox, "plt.barh(['A', 'B'], [1, 2]); plt.xlabel('Books'); plt.ylabel('Author')"));
  assert.deepEqual([lying.x_label, lying.y_label], ["Author", "Books"]);
  assert.deepEqual(lying.elements, [
    { label: "A", value: 1, group: "Group 0" },
    { label: "B", value: 2, group: "Group 0" },
  ]);
  const grouped = fields(
    await chart(
      sandbox,
      `
plt.bar([-0.2, 0.8], [1, 2], 0.4, label="a")
plt.bar([0.2, 1.2], [3, 4], 0.4, label="b")
plt.xticks([0, 1], ["X", "Y"])`,
    ),
  );
  const expected = [["X", 1, "a"], ["Y", 2, "a"], ["X", 3, "b"], ["Y", 4, "b"]];
  assert.deepEqual(grouped.elements, expected.map(([label, value, group]) => ({ label, value, group })));
  const histogram = await chart(sandbox, "plt.hist([1, 1, 2, 3], bins=[0.5, 1.5, 2.5, 3.5])");
  assert.deepEqual([histogram.type, histogram.elements], [
    "bar",
    [["1", 2], ["2", 1], ["3", 1]].map(([label, value]) => ({ label, value, group: "Group 0" })),
  ]);
});

chartTest("a pie has angles in degrees", async ({ sandbox }) => {
  const pie = await chart(
    sandbox,
    "plt.pie([90, 10], labels=['No', 'Yes'], autopct='%1.1f%%', startangle=90)\nplt.title('T')",
  );
  assert.deepEqual(fields(pie), {
    type: "pie",
    title: "T",
    elements: [{ label: "No", angle: 324, radius: 1 }, { label: "Yes", angle: 36, radius: 1 }],
  });
});

chartTest("boxes are told by their quartiles, whiskers and outliers", async ({ sandbox }) => {
  const data = "[[85, 90, 78, 92, 88], [95, 89, 76, 91, 84, 87], [1, 2, 2, 2, 3, 40, 50]]";
  const elements = [
    { label: "A", min: 78, first_quartile: 85, median: 88, third_quartile: 90, max: 92, outliers: [] },
    { label: "B", min: 84, first_quartile: 84.75, median: 88, third_quartile: 90.5, max: 95, outliers: [76] },
    { label: "C", min: 1, first_quartile: 2, median: 2, third_quartile: 21.5, max: 50, outliers: [] },
  ];
  const box = await chart(
    sandbox,
    `
plt.boxplot(${data}, labels=["A", "B", "C"], patch_artist=True, showmeans=True)
plt.xlabel("Class"); plt.ylabel("Score (pt)")`,
  );
  assert.deepEqual(fields(box), {
    type: "box_and_whisker",
    title: null,
    x_label: "Class",
    y_label: "Score (pt)",
    x_unit: null,
    y_unit: "pt",
    elements,
  });
  const lying = fields(
    await chart(
      sandbox,
      `plt.boxplot(${data}, labels=["A", "B", "C"], patch_artist=True, vert=False); plt.ylabel("Class")`,
    ),
  );
  assert.deepEqual([lying.type, lying.x_label, lying.elements], ["box_and_whisker", "Class", elements]);
});

chartTest("a figure of several axes is a superchart", async ({ sandbox }) => {
  const figure = await chart(
    sandbox,
    `
fig, (left, right, empty) = plt.subplots(1, 3)
fig.suptitle("Both")
left.plot([1, 2]); left.set_title("L")
right.scatter([1], [2])`,
  );
  assert.deepEqual([figure.type, figure.title], ["superchart", "Both"]);
  assert.deepEqual(figure.elements.map(({ type, title }) => [type, title]), [
    ["line", "L"],
    ["scatter", null],
    ["unknown", null],
  ]);
});

chartTest("what no chart can say is unknown, and what shows nothing has none", async ({ sandbox }) => {
  const unknown = {
    circles: "plt.gca().add_artist(plt.Circle((0, 0), 1))",
    image: "plt.imshow([[1, 2], [3, 4]])",
    area: "plt.fill_between([1, 2], [3, 4])",
    "bars and a line": "plt.bar([1], [2]); plt.plot([1, 2], [3, 4])",
    "three dimensions": "plt.figure().add_subplot(projection='3d').plot([1, 2], [3, 4], [5, 6])",
    "an artist of its own": `
from matplotlib.lines import Line2D
class Odd(Line2D):
    def get_xdata(self, orig=True):
        if orig: raise ValueError
        return super().get_xdata(orig)
plt.gca().add_line(Odd([1, 2], [3, 4]))`,
  };
  for (const [name, code] of Object.entries(unknown)) {
    const { type, elements } = await chart(sandbox, `${code}\nplt.title("T")`);
    assert.deepEqual([type, elements], ["unknown", []], name);
  }
  const without = {
    "nothing in it": "plt.subplots()",
    "no axes": "plt.figure()",
    "more points than anyone draws again": "plt.plot(range(200_001))",
  };
  for (const [name, code] of Object.entries(without)) {
    assert.equal((await only(sandbox, `${PLT}${code}\nplt.show()`)).chart, undefined, name);
  }
});

chartTest("every way to show a figure gives its picture and its chart in one result", async ({ sandbox }) => {
  const figure = `${PLT}fig, ax = plt.subplots(); ax.plot([1, 2])\n`;
  const shown = async (code: string) =>
    (await results(sandbox, figure + code)).map((
      { chart, png, isMainResult },
    ) => [chart?.type, png !== undefined, isMainResult]);
  const displayed = ["line", true, false];
  assert.deepEqual(await shown("plt.show()"), [displayed]);
  assert.deepEqual(await shown("None"), [displayed]);
  assert.deepEqual(await shown("display(fig); plt.close(fig)"), [displayed]);
  assert.deepEqual(await shown("display(fig)"), [displayed, displayed]);
  assert.deepEqual(await shown("plt.close(); fig"), [["line", true, true]]);
  assert.deepEqual(await shown("plt.close()"), []);
  assert.deepEqual(await shown("plt.figure(); plt.pie([1]); plt.show()"), [displayed, ["pie", true, false]]);
});

chartTest("what pandas plots has charts, too", async ({ sandbox }) => {
  const frame = `
import pandas as pd
frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]}, index=["x", "y"])
`;
  const bars = await chart(sandbox, `${frame}frame.plot.bar()`);
  assert.deepEqual(fields(bars).elements, [
    { label: "x", value: 1, group: "a" },
    { label: "y", value: 2, group: "a" },
    { label: "x", value: 3, group: "b" },
    { label: "y", value: 4, group: "b" },
  ]);
  assert.deepEqual(fields(await chart(sandbox, `${frame}frame.plot.barh(stacked=True)`)).elements, bars.elements);
  const lines = await chart(sandbox, `${frame}frame.reset_index(drop=True).plot()`);
  assert.deepEqual([lines.type, lines.elements], ["line", [
    { label: "a", points: [[0, 1], [1, 2]] },
    { label: "b", points: [[0, 3], [1, 4]] },
  ]]);
  const months = fields(
    await chart(
      sandbox,
      `${frame}pd.Series([1, 2, 3], pd.date_range("2024-01-01", periods=3, freq="MS"), name="m").plot()`,
    ),
  );
  assert.equal(months.x_scale, "datetime");
  assert.deepEqual(months.elements, [{
    label: "m",
    points: [["2024-01-01T00:00:00", 1], ["2024-02-01T00:00:00", 2], ["2024-03-01T00:00:00", 3]],
  }]);
  assert.ok(Array.isArray(months.x_ticks) && months.x_ticks.includes("2024-01-01T00:00:00"));
  const pie = await chart(sandbox, `${frame}frame["a"].plot.pie()`);
  assert.deepEqual(pie.elements.map(({ label }) => label), ["x", "y"]);
  assert.equal((await chart(sandbox, `${frame}frame.plot.scatter("a", "b")`)).type, "scatter");
});

chartTest("a data frame is a table, a text and its columns", async ({ sandbox }) => {
  const result = await only(
    sandbox,
    `
import pandas as pd, datetime
pd.DataFrame({
    "n": [1, 2],
    "x": [0.5, float("inf")],
    "when": pd.to_datetime(["2024-01-02 03:04", None]),
    "day": [datetime.date(2024, 1, 2), None],
    "word": ["a", None],
    ("of", "two"): [True, pd.NA],
    7: pd.Categorical(["c", "d"]),
})`,
  );
  assert.equal(result.isMainResult, true);
  assert.deepEqual(result.data, {
    n: [1, 2],
    x: [0.5, null],
    when: ["2024-01-02T03:04:00", null],
    day: ["2024-01-02", null],
    word: ["a", null],
    "('of', 'two')": [true, null],
    7: ["c", "d"],
  });
  assert.match(result.html ?? "", /<table/);
  assert.match(result.text ?? "", /2024-01-02/);
  assert.deepEqual(result.formats(), ["html", "data"]);
  const [displayed] = await results(sandbox, "display(pd.DataFrame({'a': [1]}))");
  assert.deepEqual(displayed?.data, { a: [1] });
  const large = await only(sandbox, "pd.DataFrame({'a': ['x' * 1000] * 9_000})");
  assert.deepEqual([large.data, typeof large.html], [undefined, "string"]);
});

chartTest("a kernel that shows neither imports neither", async ({ connection }) => {
  const sandbox = await Sandbox.create(connection);
  const [result] = await results(
    sandbox,
    "import sys\n[name for name in ('matplotlib', 'numpy', 'pandas') if name in sys.modules]",
  );
  assert.equal(result?.text, "[]");
  await sandbox.kill();
});
