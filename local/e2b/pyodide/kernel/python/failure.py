"""Exceptions as IPython prints them, without colours."""

import inspect
import linecache
import os
import traceback

from . import magic

_OWN_FOLDER = os.path.dirname(__file__)
_MAX_FRAMES = 20

# File name of a cell's code -> the number of the execution that ran it last.
cell_numbers = {}


def describe(error, syntax_only=False):
    """The name, value and traceback of an exception.

    The parts of the traceback are joined without newlines: that is how E2B
    joins the list that Jupyter sends.
    """
    name = type(error).__name__
    if isinstance(error, magic.UsageError):
        return {"name": name, "value": str(error), "traceback": ""}
    if isinstance(error, SystemExit):
        code = "" if error.code is None else str(error.code)
        text = (
            "An exception has occurred, use %tb to see the full traceback.\n"
            f"\nSystemExit: {code}\n"
        )
        return {"name": name, "value": code, "traceback": text}
    if syntax_only:
        text = _syntax_error(error)
    else:
        text = "-" * 75 + "".join(_chain(error, set()))
    return {"name": name, "value": _text(error), "traceback": text}


def _text(error):
    try:
        return str(error)
    except Exception:
        return "<exception str() failed>"


def _chain(error, seen):
    seen.add(id(error))
    cause = error.__cause__
    link = "The above exception was the direct cause of the following exception:"
    if cause is None and not error.__suppress_context__:
        cause = error.__context__
        link = "During handling of the above exception, another exception occurred:"
    if cause is not None and id(cause) not in seen:
        yield from _chain(cause, seen)
        yield f"\n\n{link}\n\n"
    name = type(error).__name__
    yield name + "Traceback (most recent call last)".rjust(75 - len(name))
    yield from _frames(error.__traceback__)
    yield "\n".join([_summary(name, error), *getattr(error, "__notes__", ())])


def _summary(name, error):
    text = _text(error)
    return f"{name}: {text}" if text else name


def _frames(trace):
    frames = [
        (frame, line)
        for frame, line in traceback.walk_tb(trace)
        if not frame.f_code.co_filename.startswith(_OWN_FOLDER)
    ]
    if len(frames) <= _MAX_FRAMES:
        yield from (_frame(frame, line) for frame, line in frames)
        return
    half = _MAX_FRAMES // 2
    yield from (_frame(frame, line) for frame, line in frames[:half])
    yield f"    [... skipping {len(frames) - 2 * half} frames]\n"
    yield from (_frame(frame, line) for frame, line in frames[-half:])


def _frame(frame, line):
    code = frame.f_code
    number = cell_numbers.get(code.co_filename)
    if number is None:
        head = f"File {code.co_filename}:{line}"
    else:
        head = f"Cell In[{number}], line {line}"
    if code.co_name != "<module>":
        arguments = inspect.formatargvalues(
            *inspect.getargvalues(frame), formatvalue=lambda _value: ""
        )
        head += f", in {code.co_qualname}{arguments}"
    return f"{head}\n{_source(frame, line)}"


def _source(frame, line):
    code = frame.f_code
    lines = linecache.getlines(code.co_filename, frame.f_globals)
    first, last = 1, len(lines)
    if code.co_name != "<module>":
        # A function's frame shows that function's lines and no others.
        numbers = [number for *_, number in code.co_lines() if number]
        first, last = code.co_firstlineno, max(numbers, default=line)
    shown = range(max(first, line - 2), min(last, line + 2) + 1)
    return "".join(
        _numbered(number, lines[number - 1], number == line)
        for number in shown
        if number <= len(lines)
    )


def _numbered(number, text, is_current):
    text = text.rstrip("\n")
    if not is_current:
        return f"{number:>7} {text}".rstrip() + "\n"
    arrow = "-" * max(0, 5 - len(str(number))) + "> "
    return f"{arrow}{number} {text}\n"


def _syntax_error(error):
    number = cell_numbers.get(error.filename)
    lines = [f"  Cell In[{number}], line {error.lineno}\n"]
    if error.text:
        text = error.text.rstrip("\n")
        bare = text.lstrip()
        lines.append(f"    {bare}\n")
        if error.offset:
            column = max(0, error.offset - 1 - (len(text) - len(bare)))
            lines.append("    " + " " * column + "^\n")
    lines.append(f"{type(error).__name__}: {error.msg}\n")
    return "".join(lines)
