"""What `IPython.display` has for pictures, sounds and films."""

import base64
import html
import io
import mimetypes
import os
import struct
import wave

from .displayables import HERE, LIBRARY, DisplayObject

_BEGINNINGS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8": "jpeg", b"GIF8": "gif", b"RIFF": "webp"}


class Image(DisplayObject):
    """A picture: bytes, a file, or a URL, which is not read unless `embed`."""

    __module__ = HERE
    _mode = "rb"

    def __init__(
        self, data=None, url=None, filename=None, format=None, embed=None, width=None, height=None,
        retina=False, unconfined=False, metadata=None, alt=None,
    ):
        self.width, self.height, self.alt = width, height, alt
        is_url = url is not None or (isinstance(data, str) and data.startswith(("http://", "https://")))
        self.embed = embed if embed is not None else not is_url
        name = filename or (data if isinstance(data, (str, os.PathLike)) else url)
        self._ending = os.path.splitext(str(name or ""))[1].lstrip(".").lower()
        self._format = format
        if isinstance(data, (str, os.PathLike)) and not is_url and filename is None and not os.path.exists(data):
            raise FileNotFoundError(f"No such file or directory: '{data}'")
        super().__init__(data, url, filename, metadata)

    @property
    def format(self):
        """`png`, `jpeg` and so on: as was said, as the bytes begin, or as the name ends."""
        if self._format:
            return {"jpg": "jpeg"}.get(self._format.lower(), self._format.lower())
        if isinstance(self.data, bytes):
            for beginning, name in _BEGINNINGS.items():
                if self.data.startswith(beginning):
                    return name
        return {"jpg": "jpeg", "": "png"}.get(self._ending, self._ending)

    def _is_file(self, data):
        return os.path.exists(data)

    def reload(self):
        """Read it again, if it is embedded."""
        if self.embed:
            super().reload()

    def _repr_html_(self):
        if self.embed:
            return None
        sizes = [f'{name}="{value}"' for name, value in (("width", self.width), ("height", self.height)) if value]
        alt = [f'alt="{html.escape(self.alt)}"'] if self.alt else []
        return f"<img {' '.join([f'src="{self.url}"', *sizes, *alt])}/>"

    def _repr_mimebundle_(self, include=None, exclude=None):
        if not self.embed or self.format in ("png", "jpeg") or not isinstance(self.data, bytes):
            return {}
        return {f"image/{self.format}": base64.b64encode(self.data).decode(), "text/plain": repr(self)}

    def _repr_png_(self):
        return self.data if self.embed and self.format == "png" else None

    def _repr_jpeg_(self):
        return self.data if self.embed and self.format == "jpeg" else None


class Video(DisplayObject):
    """A film, by its URL, or with `embed` by its bytes."""

    __module__ = HERE
    _mode = "rb"

    def __init__(
        self, data=None, url=None, filename=None, embed=False, mimetype=None, width=None, height=None,
        html_attributes="controls",
    ):
        if isinstance(data, str) and not data.startswith(("http://", "https://", "data:")) and filename is None:
            data, filename = None, data
        self.embed, self.mimetype, self.html_attributes = embed, mimetype, html_attributes
        self._sizes = "".join(
            f' {name}="{value}"' for name, value in (("width", width), ("height", height)) if value
        )
        super().__init__(data, url, filename)

    def reload(self):
        """Read it again, if it is embedded."""
        if self.embed:
            super().reload()

    def _repr_html_(self):
        attributes = f"{self.html_attributes}{self._sizes}"
        if not self.embed:
            place = self.url or self.filename or self.data
            return (
                f'<video src="{place}" {attributes}>\n'
                "Your browser does not support the <code>video</code> element.\n</video>"
            )
        mime = self.mimetype or mimetypes.guess_type(self.filename or self.url or "")[0] or "video/mp4"
        source = f'<source src="{_data_url(mime, self.data)}" type="{mime}">'
        return f"<video {attributes}>\n {source}\n Your browser does not support the video tag.\n </video>"


class Audio(DisplayObject):
    """A sound: bytes of a file, a file, a URL, or samples from -1 to 1 with their `rate` a second."""

    __module__ = LIBRARY
    _mode = "rb"

    def __init__(
        self, data=None, filename=None, url=None, embed=None, rate=None, autoplay=False, normalize=True, *,
        element_id=None,
    ):
        if filename is None and url is None and data is None:
            raise ValueError("No audio data found. Expecting filename, url, or data.")
        if isinstance(data, str) and data.startswith(("http://", "https://")):
            data, url = None, data
        self.embed = embed if embed is not None else url is None
        self.autoplay, self.element_id = autoplay, element_id
        self._mime = mimetypes.guess_type(str(filename or url or (data if isinstance(data, str) else "")))[0]
        super().__init__(data, url, filename)
        if self.data is not None and not isinstance(self.data, bytes):
            if rate is None:
                raise ValueError("rate must be specified when data is a numpy array or list of audio samples.")
            self.data = _wave(self.data, rate, normalize)

    def _is_file(self, data):
        return True

    def reload(self):
        """Read it again, if it is embedded."""
        if self.embed:
            super().reload()

    def _repr_html_(self):
        mime = self._mime or ("audio/wav" if self.embed else "audio/mpeg")
        source = _data_url(mime, self.data) if self.embed else self.url
        attributes = (f' id="{self.element_id}"' if self.element_id else "") + ' controls="controls"'
        return (
            f'<audio {attributes}{' autoplay="autoplay"' if self.autoplay else ""}>\n'
            f'    <source src="{source}" type="{mime}" />\n'
            "    Your browser does not support the audio element.\n</audio>"
        )


def _wave(samples, rate, normalize):
    """Samples, or a list of them for each channel, as a WAV file."""
    samples = samples.tolist() if hasattr(samples, "tolist") else list(samples)
    channels = samples if samples and isinstance(samples[0], (list, tuple)) else [samples]
    loudest = max((abs(sample) for channel in channels for sample in channel), default=0)
    if not normalize and loudest > 1:
        raise ValueError("Audio data must be between -1 and 1 when normalize=False.")
    scale = 32767 / ((loudest or 1) if normalize else 1)
    frames = [int(sample * scale) for frame in zip(*channels) for sample in frame]
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(len(channels))
        written.setframerate(rate)
        written.setsampwidth(2)
        written.writeframes(struct.pack(f"<{len(frames)}h", *frames))
    return file.getvalue()


def _data_url(mime, data):
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"
