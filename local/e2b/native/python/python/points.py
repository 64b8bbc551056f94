"""Lines and scattered points."""

from . import values
from .axes import at, labels, ticks


def lines(axes):
    from matplotlib.lines import Line2D

    if axes.collections or axes.patches or axes.images or axes.tables or axes.artists:
        return None
    drawn = [line for line in axes.lines if isinstance(line, Line2D) and not is_guide(line, axes)]
    elements = [{"label": _label(line), "points": _points(line)} for line in drawn]
    return {"type": "line", **labels(axes), **ticks(axes), "elements": elements}


def scatter(axes):
    from matplotlib.collections import PathCollection

    others = [*axes.patches, *axes.images, *axes.tables, *axes.artists]
    if others or not all(is_guide(line, axes) for line in axes.lines):
        return None
    if not axes.collections or any(type(one) is not PathCollection for one in axes.collections):
        return None
    elements = [
        {
            "label": str(collection.get_label()),
            "points": [[_at(axes.xaxis, x), _at(axes.yaxis, y)] for x, y in collection.get_offsets()],
        }
        for collection in axes.collections
    ]
    return {"type": "scatter", **labels(axes), **ticks(axes), "elements": elements}


def is_guide(line, axes):
    """Whether it goes across the axes, as those of axhline and axvline do: it shows no data."""
    return line.get_transform() != axes.transData


def _label(line):
    label = str(line.get_label())
    number = label.removeprefix("_child")
    return f"Line {number}" if number.isdecimal() else label


def _points(line):
    return [[_said(x), _said(y)] for x, y in zip(line.get_xdata(orig=True), line.get_ydata(orig=True))]


def _said(value):
    # Pandas' periods, e.g. of a series by months.
    if hasattr(value, "to_timestamp"):
        value = value.to_timestamp()
    value = values.plain(value)
    if value is None or isinstance(value, (int, float, str)):
        return value
    return values.number(value)


def _at(axis, place):
    place = values.plain(place)
    return None if place is None else at(axis, place)
