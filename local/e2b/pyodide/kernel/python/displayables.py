"""What `IPython.display` has for text: objects that show themselves as one MIME type."""

import html
import json
import os
import warnings

# Where IPython has them, which their texts say.
HERE = "IPython.core.display"
LIBRARY = "IPython.lib.display"


class DisplayObject:
    """Text or bytes, given, or read from a file or a URL."""

    __module__ = HERE
    _mode = "r"

    def __init__(self, data=None, url=None, filename=None, metadata=None):
        if isinstance(data, os.PathLike):
            data = str(data)
        if isinstance(data, str) and url is None and filename is None:
            if data.startswith(("http://", "https://")):
                data, url = None, data
            elif self._is_file(data):
                data, filename = None, data
        self.data, self.url, self.filename = data, url, filename
        self.metadata = metadata or {}
        self.reload()

    def _is_file(self, data):
        # Most of them are given text, which is no name.
        return False

    def reload(self):
        """Read the file or the URL again."""
        if self.filename is not None:
            with open(self.filename, self._mode) as file:
                self.data = file.read()
        elif self.url is not None:
            from urllib.request import urlopen

            with urlopen(self.url) as response:
                data = response.read()
            self.data = data if "b" in self._mode else data.decode(response.headers.get_content_charset() or "utf-8")

    def __repr__(self):
        return f"<{type(self).__module__}.{type(self).__name__} object>"


class TextDisplayObject(DisplayObject):
    """One that shows text."""

    __module__ = HERE

    def __init__(self, data=None, url=None, filename=None, metadata=None):
        if data is not None and not isinstance(data, (str, os.PathLike)):
            raise TypeError(f"{type(self).__name__} expects text, not {data!r}")
        super().__init__(data, url, filename, metadata)


class Pretty(TextDisplayObject):
    """Text that is shown as it is."""

    __module__ = HERE

    def _repr_pretty_(self, p, _cycle):
        p.text(self.data)


class HTML(TextDisplayObject):
    """HTML."""

    __module__ = HERE

    def _repr_html_(self):
        return self.data

    def __html__(self):
        return self._repr_html_()


class Markdown(TextDisplayObject):
    """Markdown."""

    __module__ = HERE

    def _repr_markdown_(self):
        return self.data


class Latex(TextDisplayObject):
    """LaTeX."""

    __module__ = HERE

    def _repr_latex_(self):
        return self.data


class Math(TextDisplayObject):
    """A formula in LaTeX."""

    __module__ = HERE

    def _repr_latex_(self):
        return rf"$\displaystyle {self.data.strip('$')}$"


class SVG(DisplayObject):
    """A picture as SVG."""

    __module__ = HERE
    _mode = "rb"

    def _repr_svg_(self):
        text = self.data.decode() if isinstance(self.data, bytes) else self.data
        # What comes before it, a declaration for one, has no place in a page.
        return text[max(text.find("<svg"), 0) :]


class JSON(DisplayObject):
    """A dict or list for those who take it apart."""

    __module__ = HERE

    def __init__(self, data=None, url=None, filename=None, expanded=False, metadata=None, root="root", **_options):
        super().__init__(data, url, filename, {"expanded": expanded, "root": root, **(metadata or {})})
        if isinstance(self.data, (str, bytes)):
            if filename is None and self.url is None:
                warnings.warn("JSON expects JSONable dict or list, not JSON strings", stacklevel=2)
            self.data = json.loads(self.data)

    def _repr_json_(self):
        return self.data


class GeoJSON(JSON):
    """A map's data."""

    __module__ = "IPython.display"

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"application/geo+json": self.data, "text/plain": repr(self)}


class Javascript(TextDisplayObject):
    """JavaScript that a page runs."""

    __module__ = HERE

    def __init__(self, data=None, url=None, filename=None, lib=None, css=None):
        super().__init__(data, url, filename)

    def _repr_javascript_(self):
        return self.data


class Code(TextDisplayObject):
    """A program's text. There is nothing here that colours it."""

    __module__ = LIBRARY

    def __init__(self, data=None, url=None, filename=None, language=None):
        self.language = language
        super().__init__(data, url, filename)

    def _is_file(self, data):
        return os.path.exists(data)

    def _repr_html_(self):
        return f'<div class="highlight"><pre>{html.escape(self.data)}</pre></div>'

    def __repr__(self):
        return self.data
