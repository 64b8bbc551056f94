"""The first process of a sandbox: starts its programs, reads and writes its files, and does what the server asks.

It is one thread. Being the first, it is hit by no signal of the others, reaps what they leave behind, and when it ends
they end.
"""

import json
import os
import signal
import sys
import time

from . import files, frames, limits, processes, tree
from .loop import Loop
from .pause import Pause
from .programs import Program
from .watch import Watch

_MEMORY_SECONDS = 0.2
# While there is too much of it, and how often this may be seen before everything is ended.
_OVERUSE_SECONDS = 0.02
_OVERUSES = 10
# So many that others are not kept waiting.
_REAPED_AT_ONCE = 1000


class Agent:
    def __init__(self, settings):
        self._settings = settings
        self._loop = Loop()
        self._reader = frames.Reader()
        self._programs = {}
        self._has_children = False
        self._writings = {}
        self._watches = {}
        self._looked_at = 0.0
        self._overuses = 0
        self._doomed = set()
        self._pause = Pause()
        self._calls = {
            "spawn": self._spawn,
            "signal": lambda number, call: self._program(number).signal(call["signal"]),
            "hold": lambda number, call: self._program(number).hold(call["stream"], call["held"]),
            "stat": lambda _number, call: files.entry(call["path"]),
            "read": lambda number, call: files.read(call["path"], number),
            "list": lambda _number, call: files.listing(call["path"], call["depth"]),
            "write": self._write,
            "make": lambda _number, call: files.make_directory(call["path"]),
            "move": lambda _number, call: files.move(call["from"], call["to"]),
            "remove": lambda _number, call: files.remove(call["path"]),
            "pack": lambda number, _call: tree.send(number),
            "unpack": self._unpack,
            "others": lambda _number, _call: processes.others(self._programs.values()),
            "watch": self._watch,
            "unwatch": self._unwatch,
            "pause": lambda _number, _call: self._pause.begin(),
            "resume": lambda _number, _call: self._pause.end(),
        }

    def run(self):
        write_settings()
        limits.apply(self._settings["limits"])
        wake, woken = os.pipe()
        for descriptor in (wake, woken):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        # Not ignored: programs would inherit that. Python's own answer to the second would end this process.
        for number in (signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self._loop.reads(wake, lambda: self._reap(wake, woken))
        self._loop.reads(0, self._hear)
        while True:
            pause = _OVERUSE_SECONDS if self._overuses else _MEMORY_SECONDS
            # Also without a program that the server knows of: what one has left behind may grow. In a pause nothing does.
            runs = self._has_children and not self._pause.lasts
            self._loop.turn(pause if runs else None)
            if runs and time.monotonic() - self._looked_at >= pause:
                self._watch_memory()
                self._looked_at = time.monotonic()

    def _hear(self):
        data = os.read(0, 1024 * 1024)
        if not data:
            # The server closed it, or is gone.
            os._exit(0)
        for kind, number, payload in self._reader.feed(data):
            if kind == frames.CALL:
                self._obey(number, json.loads(payload))
            elif number in self._writings:
                self._write_on(number, payload)
            elif number in self._programs:
                self._programs[number].write(payload)

    def _obey(self, number, call):
        try:
            result = self._calls[call["do"]](number, call)
        # Whatever it is, e.g. folders too deep for recursion: with this process the whole sandbox would end.
        except Exception as error:
            self._refuse(number, error)
        else:
            if call["do"] not in ("write", "unpack", "signal", "hold", "unwatch"):
                frames.tell(frames.ANSWER, number, {"result": result})

    def _refuse(self, number, error):
        reason, message = files.reason_of(error)
        frames.tell(frames.ANSWER, number, {"reason": reason, "message": message})

    def _program(self, number):
        # One that has ended hears no signal, and what is asked of it has no answer.
        return self._programs.get(number) or _Ended()

    def _spawn(self, number, call):
        program = Program(number, call, self._loop, lambda ended: self._programs.pop(ended, None) is not None)
        self._programs[number] = program
        self._has_children = True
        return program.pid

    def _reap(self, wake, woken):
        os.read(wake, 4096)
        for _ in range(_REAPED_AT_ONCE):
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self._has_children = False
                return
            if pid == 0:
                return
            self._doomed.discard(pid)
            for program in list(self._programs.values()):
                program.reaped(pid, status)
        # There may be more of them.
        os.write(woken, b"\0")

    def _write(self, number, call):
        self._writings[number] = files.Writing(call["path"], call["metadata"])

    def _unpack(self, number, _call):
        self._writings[number] = tree.Unpacking()

    def _write_on(self, number, data):
        """Goes on with a file, or with all of them; nothing at all ends it."""
        writing = self._writings[number]
        try:
            if data:
                return writing.write(data)
            del self._writings[number]
            frames.tell(frames.ANSWER, number, {"result": writing.finish()})
        except Exception as error:
            self._writings.pop(number, None)
            writing.abandon()
            self._refuse(number, error)

    def _watch(self, number, call):
        self._watches[number] = Watch(number, call["path"], call["recursive"], self._loop)

    def _unwatch(self, number, _call):
        watch = self._watches.pop(number, None)
        if watch is not None:
            watch.close()

    def _watch_memory(self):
        overusers = limits.overusers(self._settings["limits"]["memory"], self._doomed)
        self._overuses = self._overuses + 1 if overusers else 0
        for pid in overusers:
            self._end(pid)
        if self._overuses > _OVERUSES:
            # What is ended comes again, or the memory is none of theirs: all but this process.
            for program in list(self._programs.values()):
                self._end(program.pid)
            os.kill(-1, signal.SIGKILL)

    def _end(self, pid):
        self._doomed.add(pid)
        for number, program in self._programs.items():
            if program.is_running_as(pid):
                frames.tell(frames.EVENT, number, {"type": "overused"})
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            self._doomed.discard(pid)


class _Ended:
    def signal(self, _name):
        pass

    def hold(self, _stream, _held):
        pass


def write_settings():
    """Gives programs the names that they look up in `/etc`, which is the sandbox's own."""
    for name, text in {
        "passwd": "root:x:0:0::/root:/bin/bash\nuser:x:1000:1000::/home/user:/bin/bash\n",
        "group": "root:x:0:\nuser:x:1000:\n",
        "hosts": f"127.0.0.1 localhost {os.uname().nodename}\n",
        "hostname": f"{os.uname().nodename}\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    }.items():
        with open(f"/etc/{name}", "w") as file:
            file.write(text)


# Anywhere else it would write over the `/etc` of the machine itself.
if os.getpid() != 1:
    sys.exit("this is the first process of a sandbox, and of nothing else")
Agent(json.loads(sys.argv[1])).run()
