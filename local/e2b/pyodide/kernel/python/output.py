"""What a cell says: every message leaves through `send`, as one JSON line."""

import codecs
import io
import json
import sys
from threading import get_ident
from time import monotonic

# The server refuses longer lines; a longer result becomes an error instead.
MAX_LINE = 16 * 1024 * 1024
# Keeps one huge print() from becoming one huge line.
MAX_TEXT = 64 * 1024

# Text is sent at once, so that output is seen while the cell runs. Only when a
# cell has said this much, and says more within this time, is text collected
# into larger messages: a loop of prints is then ten times as fast.
_EAGER_MESSAGES = 100
_COLLECT_SECONDS = 0.02
_COLLECT_CHARACTERS = 8 * 1024

# Bound here, because a cell may replace json.dumps.
_strict = json.JSONEncoder(allow_nan=False, default=str).encode
_lenient = json.JSONEncoder(default=str).encode
_decode = json.JSONDecoder(parse_constant=lambda _name: None).decode

_emit = None
_execution_id = 0
_eager_left = 0
_sent_at = 0.0
# In the order in which they are sent: IPython says what a cell printed before what it complained of.
_pending = {"stdout": "", "stderr": ""}
_has_failed = False


# An interrupt in the middle of a message would leave half a line to the server, and lose it with the next one.
_is_sending = False
_put_off = None
_main = get_ident()


def put_off(interrupt):
    """Have an interrupt come when the message that is being sent has been; returns whether there is one."""
    global _put_off
    if _is_sending:
        _put_off = interrupt
    return _is_sending


def _whole(function):
    def send_whole(*args, **fields):
        global _is_sending, _put_off
        # Interrupts come in the main thread.
        if _is_sending or get_ident() != _main:
            return function(*args, **fields)
        _is_sending = True
        try:
            return function(*args, **fields)
        finally:
            _is_sending = False
            if _put_off is not None:
                interrupt, _put_off = _put_off, None
                interrupt(sys._getframe())

    return send_whole


def connect(emit):
    """Set the JavaScript function that writes a line to the server."""
    global _emit
    _emit = emit


def begin(execution_id):
    """Mark everything said from now on as said by this execution."""
    global _execution_id, _eager_left, _has_failed
    _execution_id = execution_id
    _has_failed = False
    _eager_left = _EAGER_MESSAGES


@_whole
def send(kind, **fields):
    """Send one message; raises ValueError for what cannot be sent."""
    message = {"type": kind, "id": _execution_id, **fields}
    try:
        line = _strict(message)
    except ValueError:
        # NaN, which Python can write and no one else can read.
        line = _strict(_decode(_lenient(message)))
    if len(line) > MAX_LINE:
        raise ValueError(f"a result of {len(line):,} bytes exceeds {MAX_LINE:,}")
    _emit(line)


def send_error(**fields):
    """Send an error, unless the execution has had one: E2B tells the first."""
    global _has_failed
    if _has_failed:
        return
    send("error", **fields)
    _has_failed = True


@_whole
def say(kind, text):
    """Send text of stdout or stderr, now or together with what follows."""
    global _eager_left
    _pending[kind] += text
    _eager_left -= 1
    if (
        _eager_left >= 0
        or len(_pending[kind]) > _COLLECT_CHARACTERS
        or monotonic() - _sent_at > _COLLECT_SECONDS
    ):
        _send_pending()


def _send_pending():
    global _sent_at
    _sent_at = monotonic()
    for kind in _pending:
        text, _pending[kind] = _pending[kind], ""
        for start in range(0, len(text), MAX_TEXT):
            send(kind, text=text[start : start + MAX_TEXT])


class _Raw(io.RawIOBase):
    """The unbuffered end of sys.stdout and sys.stderr."""

    def __init__(self, kind):
        self._kind = kind
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self):
        return True

    def write(self, data):
        say(self._kind, self._decoder.decode(bytes(data)))
        return len(data)


def _stream(kind):
    return io.TextIOWrapper(
        io.BufferedWriter(_Raw(kind), MAX_TEXT),
        encoding="utf-8",
        errors="backslashreplace",
        line_buffering=True,
    )


# Kept apart from sys.stdout, which a cell may replace or close.
_streams = ()


def install():
    """Replace sys.stdout and sys.stderr."""
    global _streams
    _streams = (_stream("stdout"), _stream("stderr"))
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__ = _streams


@_whole
def flush():
    """Send all that is still buffered, e.g. a line without its newline."""
    for stream in _streams:
        if not stream.closed:
            stream.flush()
    _send_pending()
