"""Matplotlib's figures as E2B describes them beside their picture.

The fields are those of E2B's SDK (`ChartTypes` in @e2b/code-interpreter). What a figure shows that none of its charts
can say is `unknown`.
"""

from . import bars, boxes, formats, pies, points
from .axes import title

# Past that a chart is no use to who draws it again, and to count is cheaper than to describe.
_MAX_POINTS = 200_000

# Each describes the axes that show its kind and nothing else, or says None.
_KINDS = (points.lines, boxes.boxes, points.scatter, pies.pie, bars.bars)


def install(shell):
    formats.install(shell, "e2b/chart", "matplotlib.figure", "Figure", _describe)


def _describe(figure):
    axes = figure.get_axes()
    if not any(map(_shown, axes)) or sum(map(_size, axes)) > _MAX_POINTS:
        return None
    if len(axes) == 1:
        return _chart(axes[0])
    heading = figure._suptitle.get_text() if figure._suptitle is not None else ""
    return {"type": "superchart", "title": heading or None, "elements": [_chart(one) for one in axes]}


def _chart(axes):
    # Three dimensions are more than the fields have.
    if axes.name != "3d" and _shown(axes):
        for kind in _KINDS:
            try:
                chart = kind(axes)
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                # Artists of a cell's own, or of another library's, in the guise of matplotlib's.
                continue
            if chart is not None:
                return chart
    return {"type": "unknown", "title": title(axes), "elements": []}


def _shown(axes):
    return [*axes.lines, *axes.collections, *axes.patches, *axes.images, *axes.tables, *axes.artists]


def _size(axes):
    return sum(len(line.get_xydata()) for line in axes.lines) + sum(
        len(collection.get_offsets()) for collection in axes.collections
    )
