"""Runs cells the way IPython does: one namespace, and a last value."""

import ast
import asyncio
import builtins
import contextlib
import inspect
import io
import linecache
import os
import random
import sys
import tokenize
import types
import zlib
from signal import SIGINT, signal

from . import display, failure, guards, output

# Where the code is that runs cells and tasks, the standard library with it.
_MACHINERY = (
    os.path.dirname(__file__) + "/",
    os.path.dirname(os.path.dirname(asyncio.__file__)) + "/",
    "<frozen ",
)

_user = types.ModuleType("__main__")
_user.__dict__["__builtins__"] = builtins
_count = 0
_running = None
_interrupted = False


def configure(emit, pause, environment, cwd):
    """Make a kernel that was restored from the snapshot one of its own."""
    output.connect(emit)
    guards.connect(pause)
    output.install()
    display.install()
    guards.install()
    loop = asyncio.get_event_loop()
    # Without these two, an interrupt or a sys.exit() that reaches a callback
    # or a task instead of the cell would end Pyodide.
    loop._keyboard_interrupt_handler = interrupt
    loop._system_exit_handler = lambda _code: None
    sys.modules["__main__"] = _user
    # The generator's state is part of the snapshot: without this, every
    # sandbox would draw the same numbers.
    random.seed()
    os.environ.update(environment)
    os.makedirs(cwd, exist_ok=True)
    os.chdir(cwd)


def interrupt():
    """Cancel a cell that awaits. One that computes gets KeyboardInterrupt."""
    global _interrupted
    if _running is not None:
        _interrupted = True
        _running.cancel()


def _on_signal(_number, frame):
    """Raise in a cell's code, or cancel a cell that awaits.

    Never in what runs the two: the loop would not get to tell that a cell has
    ended, and the kernel would be busy for good.
    """
    while frame is not None:
        if frame.f_code is execute.__code__:
            return
        if frame.f_code is _run.__code__ or not frame.f_code.co_filename.startswith(
            _MACHINERY
        ):
            raise KeyboardInterrupt
        frame = frame.f_back
    interrupt()


async def execute(execution_id, code, silent):
    """Run one cell and send all it says; tell whether it raised nothing.

    A silent one neither counts nor sets `_`.
    """
    global _running, _interrupted
    output.begin(execution_id)
    # Again for each cell, as ipykernel does: one may have put its own in place.
    signal(SIGINT, _on_signal)
    _interrupted = False
    _running = asyncio.current_task()
    try:
        return await _run(code, silent)
    except BaseException as error:
        _report(error)
        return False
    finally:
        _running = None
        output.flush()


async def _run(code, silent):
    global _count
    code = _shifted_left(code)
    # IPython counts a cell of comments, but not an empty one.
    counts = code.strip() != ""
    if not silent:
        _count += counts
        output.send("count", count=_count)
    if not counts:
        return True
    try:
        body, last = _compile(code)
    except SyntaxError as error:
        if (error.text or "").lstrip().startswith(("!", "%")):
            error.msg = "shell commands and magics are not supported in this sandbox"
        output.send("error", **failure.describe(error, syntax_only=True))
        return False
    await _evaluate(body)
    if last is None:
        return True
    value = await _evaluate(last)
    if value is None or _ends_silently(code):
        return True
    if not silent:
        _user.__dict__["_"] = value
    display.publish(display.bundle(value), True)
    return True


def _shifted_left(code):
    """Let a cell start below empty lines and be indented as a whole, as IPython does."""
    lines = code.splitlines(True)
    while lines and not lines[0].strip():
        del lines[0]
    indent = lines and lines[0][: -len(lines[0].lstrip(" \t"))]
    return "".join(line.removeprefix(indent) for line in lines) if indent else "".join(lines)


def _compile(code):
    # Jupyter's file names look like this, and users see them in the text of
    # a SyntaxError.
    filename = f"/tmp/ipykernel_1/{zlib.crc32(code.encode('utf-8', 'replace'))}.py"
    failure.cell_numbers[filename] = _count
    # No mtime: otherwise linecache drops it, as there is no such file.
    linecache.cache[filename] = (len(code), None, code.splitlines(True), filename)
    tree = ast.parse(code, filename)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return (
        compile(tree, filename, "exec", flags, dont_inherit=True),
        last and compile(last, filename, "eval", flags, dont_inherit=True),
    )


async def _evaluate(code):
    if not code.co_flags & inspect.CO_COROUTINE:
        return eval(code, _user.__dict__)
    flushing = asyncio.ensure_future(_flush_regularly())
    try:
        return await eval(code, _user.__dict__)
    finally:
        flushing.cancel()


async def _flush_regularly():
    # While a cell awaits, a line without its newline would stay in the buffer.
    while True:
        await asyncio.sleep(0.1)
        output.flush()


def _ends_silently(code):
    """Whether the last token is a semicolon: IPython then shows no value."""
    last = None
    with contextlib.suppress(tokenize.TokenError, SyntaxError):
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.OP or token.string.strip():
                if token.type != tokenize.COMMENT:
                    last = token.string
    return last == ";"


def _report(error):
    if _interrupted and isinstance(error, asyncio.CancelledError):
        error = KeyboardInterrupt().with_traceback(error.__traceback__)
    with contextlib.suppress(ValueError):
        output.flush()
    output.send("error", **failure.describe(error))
