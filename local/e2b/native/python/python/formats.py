"""Formats of E2B's own, for types whose package a cell may never import."""

import json
import warnings

from IPython.core.formatters import BaseFormatter
from traitlets import ObjectName, Unicode

# Half of the longest line there may be: the picture and the table of the same result need room, too.
_MAX_CHARACTERS = 8 * 1024 * 1024

# Bound here, because a cell may replace json.dumps.
_encode = json.JSONEncoder(default=str).encode


class _Formatter(BaseFormatter):
    _return_type = (dict, str)

    def pop(self, typ, default=None):
        """Takes nothing out: matplotlib-inline takes figures out of every formatter before it puts its own into some."""
        return default


class _DataFormatter(_Formatter):
    format_type = Unicode("e2b/data")
    print_method = ObjectName("_repr_e2b_data_")


class _ChartFormatter(_Formatter):
    format_type = Unicode("e2b/chart")
    print_method = ObjectName("_repr_e2b_chart_")


_FORMATTERS = {"e2b/data": _DataFormatter, "e2b/chart": _ChartFormatter}


def install(shell, mime, module, name, describe):
    """Have `describe` say what a value of the type `module.name` is, or None; the type need not be imported."""
    parent = shell.display_formatter
    formatter = parent.formatters[mime] = _FORMATTERS[mime](parent=parent)
    formatter.for_type_by_name(module, name, lambda value: _described(describe, value))


def _described(describe, value):
    """What cannot be described, or in too many words, is shown by its other formats alone."""
    try:
        with warnings.catch_warnings():
            # About ticks, columns of one name and the like: the cell has not asked for this.
            warnings.simplefilter("ignore")
            description = describe(value)
        if description is None or len(_encode(description)) > _MAX_CHARACTERS:
            return None
        return description
    except Exception:
        return None
