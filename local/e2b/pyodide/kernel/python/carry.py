"""What a kernel that goes on where this one is would miss."""

import asyncio
import contextlib
import functools
import gc
import json
import math
import os
import sys

from pyodide.ffi import JsProxy

from . import namespace

# What was to be called later, and has not been yet.
_later = {}
# What Pyodide sets when it starts, also over what a cell has set.
_held = None


def watch(loop):
    """Note what the event loop is to call: JavaScript alone knows that."""
    call_later = loop.call_later

    def noted(delay, callback, *args, context=None):
        if delay == math.inf:
            return call_later(delay, callback, *args, context=context)
        token = object()

        def call(*args):
            _later.pop(token, None)
            return callback(*args)

        # It is told by its name.
        functools.update_wrapper(call, callback)
        handle = _later[token] = call_later(delay, call, *args, context=context)
        return handle

    loop.call_later = noted


def waiting():
    """What is to go on or to be called by itself, in words, as JSON."""
    tasks = [f"the asyncio task {_name_of(task)}" for task in asyncio.all_tasks(asyncio.get_event_loop())]
    calls = [] if all(handle.cancelled() for handle in _later.values()) else ["a call that asyncio is to make later"]
    # A task that waits for nothing but its turn has one, too.
    return json.dumps(tasks or calls)


def _name_of(task):
    return getattr(task.get_coro(), "__qualname__", task.get_name())


def collect():
    """Let go of what nobody can reach."""
    gc.collect()


def proxies():
    """The variables that hold JavaScript's objects, as JSON."""
    return json.dumps([name for name, value in namespace.mine().items() if isinstance(value, JsProxy)])


def hold():
    """Keep what the start of another kernel would change."""
    global _held
    _held = (list(sys.path), sys.excepthook, os.environ.get("LD_LIBRARY_PATH"))


def go_on():
    """Have all as it was held."""
    _later.clear()
    path, sys.excepthook, libraries = _held
    sys.path[:] = path
    with contextlib.suppress(KeyError):
        del os.environ["LD_LIBRARY_PATH"]
    if libraries is not None:
        os.environ["LD_LIBRARY_PATH"] = libraries
