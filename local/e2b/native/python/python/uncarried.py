"""What no other process can go on with, in words for whose variable it is."""

import _thread
import asyncio
import functools
import os
import subprocess
import sys
import threading
import types

_CODE = "which stands in the middle of its code"
_KINDS = {
    types.GeneratorType: f"a generator, {_CODE}",
    types.CoroutineType: f"a coroutine, {_CODE}",
    types.AsyncGeneratorType: f"an asynchronous generator, {_CODE}",
    types.FrameType: "a frame of running code",
    types.TracebackType: "a traceback, which holds the frames of running code",
}
# Of modules that a cell may never import. What has one of them for a base is such a thing, too.
_OF_MODULES = {
    ("_socket", "socket"): "a socket",
    ("sqlite3", "Connection"): "a database connection",
    ("sqlite3", "Cursor"): "a cursor of a database connection",
    ("_asyncio", "Task"): "a task of asyncio",
    ("_asyncio", "Future"): "a future of asyncio",
    ("mmap", "mmap"): "a mapped file",
    ("numpy", "memmap"): "a mapped file",
    ("multiprocessing.process", "BaseProcess"): "a child process",
    ("select", "epoll"): "open files",
}


class Uncarried(Exception):
    """Says what it is that something holds."""


def refuse(thing):
    """Raises when it is one of those by its kind."""
    what = _name(type(thing))
    if what is not None:
        raise Uncarried(what)
    if isinstance(thing, subprocess.Popen) and thing.returncode is None:
        raise Uncarried("a child process")


@functools.lru_cache(maxsize=1000)
def _name(kind):
    names = (_KINDS.get(each) or _OF_MODULES.get((each.__module__, each.__name__)) for each in kind.__mro__)
    return next(filter(None, names), None)


def describe(error):
    """What a failure of the copying of something says, as the end of "the variable 'x' holds …"."""
    if isinstance(error, Uncarried):
        return str(error)
    if isinstance(error, RecursionError):
        return "objects that lie too deep in each other to be copied"
    if isinstance(error, MemoryError):
        return "more than there is memory left to copy it"
    return f"something that cannot be copied ({type(error).__name__}: {_text(error)})"


def refuse_threads(main):
    """Raises when something runs beside the kernel's own thread: none of it is in a copy."""
    others = [each.name for each in threading.enumerate() if each is not main]
    # Those that `threading` has not started have no name.
    if others or _thread._count() > 0:
        raise Uncarried("a thread runs in it" + (f" ({others[0]!r})" if others else ""))


def refuse_open(files):
    """Raises when there is one of them: a number alone would lead to another file elsewhere."""
    for number, name in files:
        raise Uncarried(f"an open file ({name!r}) has the descriptor {number} in it")


def open_files():
    """The descriptors of the process, with what each is of; not of what libraries keep open of their own, e.g. fonts."""
    found = set()
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            name = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            # By which the folder itself was read.
            continue
        # Read-only in every sandbox. Whoever imports the library there opens them anew.
        if not name.startswith("/usr/"):
            found.add((number, name))
    return found


def refuse_waiting(loop, own):
    """Raises when asyncio has still something to do, but for the task `own`."""
    for task in asyncio.all_tasks(loop):
        if task is not own and not task.done():
            name = getattr(task.get_coro(), "__qualname__", task.get_name())
            raise Uncarried(f"a task of asyncio is pending in it ({name!r})")
    if any(not handle.cancelled() for handle in (*loop._scheduled, *loop._ready)):
        raise Uncarried("asyncio is to call something later in it")


def _text(error):
    try:
        text = str(error)
    except Exception:
        text = "<exception str() failed>"
    return text if len(text) < 300 else f"{text[:300]}…"


def find_loaded(module, name):
    """Something of a module, if any cell has imported that."""
    return getattr(sys.modules.get(module), name, None)
