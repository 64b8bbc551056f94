"""Values as the MIME bundles that Jupyter's display protocol defines."""

import sys

from . import failure, output
from .json_value import json_of
from .pretty import pretty

_METHODS = {
    "text/html": "_repr_html_",
    "text/markdown": "_repr_markdown_",
    "text/latex": "_repr_latex_",
    "image/svg+xml": "_repr_svg_",
    "image/png": "_repr_png_",
    "image/jpeg": "_repr_jpeg_",
    "application/pdf": "_repr_pdf_",
    "application/json": "_repr_json_",
    "application/javascript": "_repr_javascript_",
    "e2b/data": "_repr_e2b_data_",
    "e2b/chart": "_repr_e2b_chart_",
}

# An object that has this has everything, a mock for one.
_CANARY = "_ipython_canary_method_should_not_exist_"


def bundle(value, include=None, exclude=None):
    """Every format that `value` offers, by MIME type; None if it has shown itself."""
    if _method(value, "_ipython_display_") is not None and _call(value, "_ipython_display_") is not _FAILED:
        return None
    found = {}
    more = _call(value, "_repr_mimebundle_", include=include, exclude=exclude)
    if isinstance(more, dict):
        found.update(more)
    for mime, make in {"text/plain": _plain, **_MAKERS}.items():
        if mime not in found and _is_wanted(mime, include, exclude):
            found[mime] = make(value)
    return {
        mime: data
        for mime, data in found.items()
        if data is not None and data is not _FAILED and _is_wanted(mime, include, exclude)
    }


def _is_wanted(mime, include, exclude):
    return (not include or mime in include) and not (exclude and mime in exclude)


_FAILED = object()


def _method(value, name):
    # A class has its instances' methods, which cannot be called on it.
    if isinstance(value, type):
        return None
    try:
        if getattr(value, _CANARY, None) is not None:
            return None
        method = getattr(value, name, None)
    except Exception:
        return None
    return method if callable(method) else None


def _call(value, name, **options):
    method = _method(value, name)
    if method is None:
        return None
    found = _attempt(lambda: method(**options))
    # IPython allows (data, metadata); the wire has no place for metadata.
    return found[0] if isinstance(found, tuple) and len(found) == 2 else found


def _attempt(make):
    try:
        return make()
    except NotImplementedError:
        return _FAILED
    except Exception as error:
        # A broken format must not hide the others; the execution has failed all the same.
        output.flush()
        output.send_error(**failure.describe(error))
        return _FAILED


def _plain(value):
    return _attempt(lambda: pretty(value))


def _json(value):
    found = json_of(value)
    return _call(value, "_repr_json_") if found is None else found


def _png(value):
    if _is_of("matplotlib.figure", "Figure", value):
        from . import figures

        return _attempt(lambda: figures.png(value))
    return _call(value, "_repr_png_")


def _data(value):
    if not _is_of("pandas", "DataFrame", value):
        return _call(value, "_repr_e2b_data_")
    columns = value.to_dict(orient="list")
    moment = sys.modules["pandas"].Timestamp
    return {
        name: [item.isoformat() if isinstance(item, moment) else item for item in items]
        for name, items in columns.items()
    }


def _is_of(module, name, value):
    """Whether it is of a class that is there only once its module was imported."""
    cls = getattr(sys.modules.get(module), name, None)
    return isinstance(cls, type) and isinstance(value, cls)


_MAKERS = {
    **{mime: lambda value, name=name: _call(value, name) for mime, name in _METHODS.items()},
    "application/json": _json,
    "image/png": _png,
    "e2b/data": _data,
}
