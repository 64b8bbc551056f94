"""What E2B tells of the axes of a chart: titles, labels, units, ticks and scales."""

import re

from . import values

# "Distance (km)" and "Distance [km]"
_UNIT = re.compile(r"\s\(([^)]*)\)|\[([^\]]*)\]")


def title(axes):
    return axes.get_title() or None


def labels(axes, is_turned=False):
    """The fields of every chart with two axes; one whose bars lie is told as if they stood, as E2B does."""
    x, y = axes.get_xlabel() or None, axes.get_ylabel() or None
    if is_turned:
        x, y = y, x
    return {"title": title(axes), "x_label": x, "y_label": y, "x_unit": _unit(x), "y_unit": _unit(y)}


def _unit(label):
    found = _UNIT.search(label or "")
    return (found[1] or found[2] or None) if found else None


def ticks(axes):
    fields = {}
    for letter, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        texts = [label.get_text() for label in axis.get_ticklabels()]
        places = [float(place) for place in axis.get_ticklocs()]
        fields[f"{letter}_ticks"] = [_tick(axis, place) for place in places]
        fields[f"{letter}_tick_labels"] = texts
        fields[f"{letter}_scale"] = _scale(axis, places, texts)
    return fields


def _scale(axis, places, texts):
    if _is_of_dates(axis):
        return "datetime"
    if axis.get_scale() != "linear":
        return axis.get_scale()
    return "categorical" if _categories(axis) is not None or _counts(places, texts) else "linear"


def _counts(places, texts):
    """Whether words stand at 0, 1, 2 and so on."""
    return len(places) > 0 and places == list(range(len(places))) and all(map(_is_word, texts))


def _is_word(text):
    try:
        float(text.replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        return text != ""
    return False


def at(axis, place):
    """The value that is shown at a place on an axis."""
    categories = _categories(axis)
    if categories is None:
        return _tick(axis, place)
    return categories.get(round(place), values.plain(place))


def name(axis, place):
    """What stands below, or beside, what is shown at a place: the nearest label, or the value itself."""
    if not _is_of_dates(axis):
        words = [
            (abs(tick - place), label.get_text())
            for tick, label in zip(axis.get_ticklocs(), axis.get_ticklabels())
        ]
        if words and all(_is_word(word) for _, word in words):
            return min(words)[1]
    value = at(axis, place)
    return value if isinstance(value, str) else f"{value:g}"


def _tick(axis, place):
    if _is_of_periods(axis):
        import pandas

        return pandas.Period(ordinal=int(place), freq=axis.freq).to_timestamp().isoformat()
    if _is_of_dates(axis):
        from matplotlib.dates import num2date

        return num2date(place).isoformat()
    return values.plain(float(place))


def _converter(axis):
    return axis.get_converter() if hasattr(axis, "get_converter") else axis.converter


def _is_of_dates(axis):
    from matplotlib.dates import DateConverter, _SwitchableDateConverter

    # Pandas' are converters of this kind, too.
    return isinstance(_converter(axis), (DateConverter, _SwitchableDateConverter))


def _is_of_periods(axis):
    """Pandas counts months, days and the like instead of matplotlib's days."""
    return type(_converter(axis)).__name__ == "PeriodConverter" and hasattr(axis, "freq")


def _categories(axis):
    from matplotlib.category import StrCategoryConverter

    if not isinstance(_converter(axis), StrCategoryConverter):
        return None
    return {place: name for name, place in axis.units._mapping.items()}
