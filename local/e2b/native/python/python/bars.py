"""Bars that stand or lie, in groups: also those of a histogram."""

from . import values
from .axes import labels, name
from .points import is_guide


def bars(axes):
    from matplotlib.container import BarContainer

    groups = [container for container in axes.containers if isinstance(container, BarContainer)]
    others = [*axes.collections, *axes.images, *axes.tables, *axes.artists]
    # A patch that belongs to no group is no bar.
    if not groups or others or sum(map(len, groups)) != len(axes.patches):
        return None
    if not all(is_guide(line, axes) for line in axes.lines):
        return None
    lies = groups[0].orientation == "horizontal"
    elements = [_bar(bar, _label(group), axes, lies) for group in groups for bar in group]
    return {"type": "bar", **labels(axes, is_turned=lies), "elements": elements}


def _bar(bar, group, axes, lies):
    value = bar.get_width() if lies else bar.get_height()
    middle = bar.get_y() + bar.get_height() / 2 if lies else bar.get_x() + bar.get_width() / 2
    axis = axes.yaxis if lies else axes.xaxis
    return {"label": name(axis, values.number(middle)), "group": group, "value": values.plain(value)}


def _label(group):
    label = str(group.get_label())
    number = label.removeprefix("_container")
    return f"Group {number}" if number.isdecimal() else label
