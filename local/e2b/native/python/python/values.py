"""Single values as JSON has them."""

import datetime
import math
import numbers


def plain(value):
    """Dates become ISO strings; what JSON has no number for becomes None."""
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, numbers.Real):
        number = float(value)
        return number if math.isfinite(number) else None
    if isinstance(value, (datetime.date, datetime.time)):
        # Pandas' NaT is a date, too.
        return value.isoformat() if value == value else None
    kind = type(value).__name__
    if kind in ("NaTType", "NAType", "MaskedConstant"):
        return None
    if kind == "datetime64":
        text = str(value.astype("datetime64[s]"))
        return None if text == "NaT" else text
    if kind == "bool_":
        return bool(value)
    return value


def number(value, digits=12):
    """A float with so many significant digits: what was computed in few bits shows it in the last ones."""
    value = float(value)
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None
