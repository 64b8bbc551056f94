"""MIME bundles as E2B's code server sends them, from either kind of kernel."""

import base64

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


def send(data, is_main_result):
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
    try:
        output.send("result", **fields, extra=extra, is_main_result=is_main_result)
    except ValueError as error:
        if fields.pop("json", None) is None:
            raise
        # The text of a long list is short, and better than nothing.
        output.say("stderr", f"the result's json was left out: {error}\n")
        output.send("result", **fields, extra=extra, is_main_result=is_main_result)


def _unquote(text):
    # E2B does this to any text, so that the string 'a' is shown as a.
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text
