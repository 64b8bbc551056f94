"""Stops all that runs in a sandbox, but for its first process, and lets it go on."""

import os
import signal

_EVERYBODY_ELSE = -1


class Pause:
    def __init__(self):
        self.lasts = False
        # Those that a program had stopped: they stay so.
        self._stopped_before = set()

    def begin(self):
        self._stopped_before = {pid for pid in _pids() if _is_stopped(pid)}
        try:
            # One call for all, so none is missed that is being started, and none is left that could wake another.
            os.kill(_EVERYBODY_ELSE, signal.SIGSTOP)
        except ProcessLookupError:
            pass
        self.lasts = True

    def end(self):
        # The youngest first: a shell that goes on before its commands would take them for stopped by somebody.
        for pid in sorted(_pids() - self._stopped_before, reverse=True):
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                continue
        self.lasts = False


def _pids():
    own = os.getpid()
    return {int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != own}


def _is_stopped(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False
