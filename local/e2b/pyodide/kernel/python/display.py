"""Values as the MIME bundles that Jupyter's display protocol defines."""

import base64
import builtins
import sys
import types

from . import output

_KEYS = {
    "text/plain": "text",
    "text/html": "html",
    "text/markdown": "markdown",
    "text/latex": "latex",
    "image/svg+xml": "svg",
    "image/png": "png",
    "image/jpeg": "jpeg",
    "application/pdf": "pdf",
    "application/json": "json",
    "application/javascript": "javascript",
    "e2b/data": "data",
    "e2b/chart": "chart",
}

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
}


def _call(value, name):
    method = getattr(value, name, None)
    if not callable(method):
        return None
    try:
        found = method()
    except NotImplementedError:
        return None
    except Exception as error:
        # A broken rich format must not hide the plain one.
        print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
        return None
    # IPython allows (data, metadata); the wire has no place for metadata.
    return found[0] if isinstance(found, tuple) and len(found) == 2 else found


def bundle(value):
    """Every format `value` offers, by MIME type; always has text/plain."""
    found = {"text/plain": repr(value)}
    # A class has its instances' methods, which cannot be called on it.
    if not isinstance(value, type):
        for mime, name in _METHODS.items():
            found[mime] = _call(value, name)
        more = _call(value, "_repr_mimebundle_")
        if isinstance(more, dict):
            found.update(more)
    return {mime: data for mime, data in found.items() if data is not None}


def publish(data, is_main_result):
    """Send a MIME bundle as one result."""
    fields, extra = {}, {}
    for mime, item in data.items():
        if isinstance(item, (bytes, bytearray, memoryview)):
            item = base64.b64encode(item).decode()
        if mime == "text/plain":
            item = _unquote(str(item))
        key = _KEYS.get(mime)
        if key is None:
            extra[str(mime)] = item
        else:
            fields[key] = item
    output.flush()
    output.send("result", **fields, extra=extra, is_main_result=is_main_result)


def _unquote(text):
    # E2B does this to any text, so that the string 'a' is shown as a.
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text


def display(*values, raw=False, **_ignored):
    """Show values as results that are not the cell's main result."""
    for value in values:
        publish(value if raw and isinstance(value, dict) else bundle(value), False)


def _shown_as(name, mime):
    """A class like IPython.display.HTML: data that shows itself as one type."""

    def __init__(self, data=None, *_args, **_options):
        self.data = data

    def _repr_mimebundle_(self, **_options):
        return {mime: self.data}

    def __repr__(self):
        return f"<IPython.core.display.{name} object>"

    return type(name, (), {
        "__init__": __init__,
        "__repr__": __repr__,
        "_repr_mimebundle_": _repr_mimebundle_,
    })


def install():
    """Offer display() to every cell, and the common part of IPython.display."""
    builtins.display = display
    module = types.ModuleType("IPython.display")
    module.display = display
    module.clear_output = lambda wait=False: None
    for name, mime in {
        "HTML": "text/html",
        "Markdown": "text/markdown",
        "Latex": "text/latex",
        "SVG": "image/svg+xml",
        "Image": "image/png",
        "JSON": "application/json",
        "Javascript": "application/javascript",
    }.items():
        setattr(module, name, _shown_as(name, mime))
    package = types.ModuleType("IPython")
    package.display = module
    sys.modules["IPython"], sys.modules["IPython.display"] = package, module
