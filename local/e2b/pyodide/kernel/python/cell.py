"""Runs cells the way IPython does: one namespace, and a last value."""

import asyncio
import contextlib
import inspect
import os
import random
import sys
from signal import SIGINT, signal

from . import carry, display, failure, figures, guards, magic, namespace, output, packages, shell, syntax
from .compiled import compile_cell, ends_silently

# Where the code is that runs cells and tasks, the standard library with it.
_MACHINERY = (
    os.path.dirname(__file__) + "/",
    os.path.dirname(os.path.dirname(asyncio.__file__)) + "/",
    "<frozen ",
)

_running = None
_interrupted = False


def configure(emit, pause, environment, cwd):
    """Make a kernel that was restored from the snapshot one of its own."""
    output.connect(emit)
    guards.connect(pause)
    output.install()
    guards.install()
    shell.install()
    figures.install()
    loop = asyncio.get_event_loop()
    # Without these two, an interrupt or a sys.exit() that reaches a callback
    # or a task instead of the cell would end Pyodide.
    loop._keyboard_interrupt_handler = interrupt
    loop._system_exit_handler = lambda _code: None
    carry.watch(loop)
    sys.modules["__main__"] = namespace.module
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
    if not output.put_off(_interrupt_at):
        _interrupt_at(frame)


def _interrupt_at(frame):
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


def is_leaving():
    """Whether a cell has called exit(): the kernel is to end."""
    return guards.Exit.was_called


async def _run(raw, silent):
    raw = _shifted_left(raw)
    code = syntax.translate(raw)
    # IPython counts a cell of comments, but not an empty one.
    counts = raw.strip() != ""
    if not silent:
        if counts:
            namespace.begin(raw, code)
        output.send("count", count=namespace.count)
    if not counts:
        return True
    try:
        body, last = compile_cell(code, awaits=True)
    except SyntaxError as error:
        output.send_error(**failure.describe(error, syntax_only=True))
        return False
    try:
        await _evaluate(body)
        value = None if last is None else await _evaluate(last)
    finally:
        if not silent:
            figures.show()
    if isinstance(value, guards.Exit):
        # Its name alone is enough.
        value()
        return True
    if value is None or ends_silently(code):
        return True
    display.show_result(value)
    if not silent:
        namespace.keep(value)
    return True


def _shifted_left(code):
    """Let a cell start below empty lines and be indented as a whole, as IPython does."""
    lines = code.splitlines(True)
    while lines and not lines[0].strip():
        del lines[0]
    indent = lines and lines[0][: -len(lines[0].lstrip(" \t"))]
    return "".join(line.removeprefix(indent) for line in lines) if indent else "".join(lines)


async def _evaluate(code):
    if not code.co_flags & inspect.CO_COROUTINE:
        return eval(code, namespace.variables)
    flushing = asyncio.ensure_future(_flush_regularly())
    try:
        return await eval(code, namespace.variables)
    finally:
        flushing.cancel()


async def _flush_regularly():
    # While a cell awaits, a line without its newline would stay in the buffer.
    while True:
        await asyncio.sleep(0.1)
        output.flush()


def _report(error):
    if _interrupted and isinstance(error, asyncio.CancelledError):
        error = KeyboardInterrupt().with_traceback(error.__traceback__)
    with contextlib.suppress(ValueError):
        if isinstance(error, magic.UsageError):
            output.say("stderr", f"UsageError: {error}\n")
        if isinstance(error, ModuleNotFoundError) and (hint := packages.hint(error.name)):
            output.say("stderr", f"{hint}\n")
        output.flush()
    output.send_error(**failure.describe(error))
