"""What `IPython.display` has for pages and files elsewhere."""

import html
import os
import urllib.parse

from .displayables import LIBRARY


class IFrame:
    """A page inside of a page."""

    __module__ = LIBRARY

    def __init__(self, src, width, height, extras=None, **params):
        self.src, self.width, self.height, self.extras, self.params = src, width, height, extras or [], params

    def _repr_html_(self):
        query = f"?{urllib.parse.urlencode(self.params)}" if self.params else ""
        attributes = [
            f'width="{self.width}"',
            f'height="{self.height}"',
            f'src="{self.src}{query}"',
            'frameborder="0"',
            "allowfullscreen",
            *self.extras,
        ]
        return f"<iframe {' '.join(attributes)}></iframe>"


class YouTubeVideo(IFrame):
    """A film of YouTube's, by its id."""

    __module__ = LIBRARY

    def __init__(self, id, width=400, height=300, allow_autoplay=False, **params):
        self.id = id
        super().__init__(f"https://www.youtube.com/embed/{id}", width, height, **params)


class VimeoVideo(IFrame):
    """A film of Vimeo's, by its id."""

    __module__ = LIBRARY

    def __init__(self, id, width=400, height=300, **params):
        self.id = id
        super().__init__(f"https://player.vimeo.com/video/{id}", width, height, **params)


class FileLink:
    """A link to a file."""

    __module__ = LIBRARY

    def __init__(self, path, url_prefix="", result_html_prefix="", result_html_suffix="<br>"):
        if os.path.isdir(path):
            raise ValueError("Cannot display a directory using FileLink. Use FileLinks to display '%s'." % path)
        self.path, self.url_prefix = str(path), url_prefix
        self.result_html_prefix, self.result_html_suffix = result_html_prefix, result_html_suffix

    def _repr_html_(self):
        if not os.path.exists(self.path):
            return f"Path (<tt>{html.escape(self.path)}</tt>) doesn't exist."
        place = html.escape(self.url_prefix + self.path)
        link = f"<a href='{place}' target='_blank'>{html.escape(self.path)}</a>"
        return f"{self.result_html_prefix}{link}{self.result_html_suffix}"

    def __repr__(self):
        return os.path.abspath(self.path)


class FileLinks:
    """Links to the files of a folder, and of those below it."""

    __module__ = LIBRARY

    def __init__(self, path, url_prefix="", recursive=True, **_options):
        if os.path.isfile(path):
            raise ValueError("Cannot display a file using FileLinks. Use FileLink to display '%s'." % path)
        self.path, self.url_prefix, self.recursive = str(path).rstrip("/"), url_prefix, recursive

    def _folders(self):
        for folder, _folders, names in os.walk(self.path):
            yield folder, sorted(names)
            if not self.recursive:
                return

    def _repr_html_(self):
        lines = []
        for folder, names in self._folders():
            lines.append(f"{html.escape(folder)}/<br>")
            for name in names:
                place = html.escape(f"{self.url_prefix}{folder}/{name}")
                lines.append(f"&nbsp;&nbsp;<a href='{place}' target='_blank'>{html.escape(name)}</a><br>")
        return "\n".join(lines)

    def __repr__(self):
        return "\n".join(
            line for folder, names in self._folders() for line in (f"{folder}/", *(f"  {name}" for name in names))
        )
