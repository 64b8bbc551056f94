"""Has a copy of the kernel's process say what its state is: whatever that takes, the kernel itself is untouched."""

import json
import os
import select
import signal
import sys
import threading
import time

from . import output
from .server import write
from .state import TooLarge
from .uncarried import Uncarried, describe

# Bound here, because a cell may replace them: a copy must never go on as a second kernel.
_fork, _exit = os.fork, os._exit

# A copy that gives nothing of the state for so long does not come to an end, e.g. because a `__reduce__` does not.
_SILENCE_SECONDS = 10
_LIMIT_SECONDS = 60
# Room for objects that lie deep in each other, see `state.DEPTH`.
_STACK_BYTES = 512 * 1024**2
_CHUNK = 1024 * 1024
# The first that the system ends when it lacks memory, and the agent, too.
_OOM_SCORE = 1000


def dump(state, descriptor, limit):
    """Writes at most `limit` bytes to the descriptor, and gives their number. @raises Uncarried"""
    state.prepare()
    told, tell = os.pipe()
    pid = _fork()
    if pid == 0:
        try:
            os.close(told)
            _say_all(state, descriptor, limit, tell)
        finally:
            _exit(0)
    os.close(tell)
    try:
        return _hear(told)
    finally:
        os.close(told)
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            # A cell waits for all children itself, or has told the system that nobody does.
            pass


def _hear(told):
    """What the copy says last, a line of JSON; before that, dots."""
    ends = time.monotonic() + _LIMIT_SECONDS
    heard = b""
    while not heard.endswith(b"\n"):
        ready, _, _ = select.select([told], [], [], _SILENCE_SECONDS)
        if not ready or time.monotonic() > ends:
            raise Uncarried("to copy its variables takes too long: the copy of one of them may not come to an end")
        data = os.read(told, 4096)
        if not data:
            raise Uncarried("the copy of its variables ended before it was whole, perhaps for lack of memory")
        heard += data
    last = json.loads(heard.lstrip(b"."))
    if "refused" in last:
        raise Uncarried(last["refused"])
    return last["bytes"]


def _say_all(state, descriptor, limit, tell):
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(_OOM_SCORE))
    # What the code of variables says and prints is for nobody.
    output.connect(lambda _line: None)
    nothing = os.open(os.devnull, os.O_RDWR)
    for own in (0, 1, 2):
        os.dup2(nothing, own)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.settrace(None)
    sys.setprofile(None)
    last = {}
    file = _Bounded(descriptor, limit, tell)
    threading.stack_size(_STACK_BYTES)
    thread = threading.Thread(target=_dump, args=(state, file, last))
    thread.start()
    thread.join()
    write(tell, json.dumps(last).encode() + b"\n")


def _dump(state, file, last):
    try:
        state.dump(file)
        last["bytes"] = file.size
    except (TooLarge, Uncarried) as error:
        last["refused"] = str(error)
    except BaseException as error:
        last["refused"] = f"it holds {describe(error)}"


class _Bounded:
    def __init__(self, descriptor, limit, tell):
        self.size = 0
        self._descriptor = descriptor
        self._limit = limit
        self._tell = tell
        self._told_at = time.monotonic()

    def write(self, data):
        # Of a large one pickle gives the buffer itself.
        data = memoryview(data).cast("B")
        self.size += len(data)
        if self.size > self._limit:
            raise TooLarge("its variables take more room than its sandbox has memory")
        for start in range(0, len(data), _CHUNK):
            write(self._descriptor, data[start : start + _CHUNK])
            self._tell_of_it()

    def _tell_of_it(self):
        if time.monotonic() - self._told_at > 1:
            self._told_at = time.monotonic()
            os.write(self._tell, b".")
