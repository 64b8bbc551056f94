"""Boxes with whiskers. Without `patch_artist=True` they are lines, to E2B as to matplotlib."""

from math import isclose

from . import values
from .axes import labels, name


def boxes(axes):
    from matplotlib.patches import PathPatch

    others = [*axes.collections, *axes.images, *axes.tables, *axes.artists]
    if others or not axes.patches or not all(type(patch) is PathPatch for patch in axes.patches):
        return None
    lines = [_Line(line) for line in axes.lines]
    for lies in (False, True):
        elements = [_box(patch.get_path().vertices, lines, axes, lies) for patch in axes.patches]
        if all(elements):
            return {"type": "box_and_whisker", **labels(axes, is_turned=lies), "elements": elements}
    return None


class _Line:
    def __init__(self, line):
        self.places = [list(map(float, line.get_xdata())), list(map(float, line.get_ydata()))]
        self.is_of_markers = line.get_linestyle() == "None"


def _box(vertices, lines, axes, lies):
    """What the lines at a box say of it, or None where they go another way."""
    across, along = (1, 0) if lies else (0, 1)
    left, right = vertices[:, across].min(), vertices[:, across].max()
    low, high = vertices[:, along].min(), vertices[:, along].max()
    least = most = median = None
    width = 0
    outliers = []
    for line in lines:
        positions, heights = line.places[across], line.places[along]
        if not heights or min(positions) < left or max(positions) > right:
            continue
        if line.is_of_markers:
            outliers += heights
        elif len(heights) != 2:
            continue
        elif heights[0] == heights[1] and positions[0] != positions[1]:
            # At the end of a whisker there is a line, too; the median's is the widest.
            if low <= heights[0] <= high and abs(positions[1] - positions[0]) > width:
                median, width = heights[0], abs(positions[1] - positions[0])
        elif positions[0] == positions[1]:
            if isclose(max(heights), low) and least is None:
                least = min(heights)
            elif isclose(min(heights), high):
                most = max(heights)
    if None in (least, median, most):
        return None
    return {
        "label": name(axes.yaxis if lies else axes.xaxis, values.number((left + right) / 2)),
        "min": values.number(least),
        "first_quartile": values.number(low),
        "median": values.number(median),
        "third_quartile": values.number(high),
        "max": values.number(most),
        # The mark of a mean lies between the whiskers.
        "outliers": [values.number(place) for place in outliers if not least <= place <= most],
    }
