"""The process of a Python kernel: IPython, which takes commands from its standard input, one JSON object a line."""

import asyncio
import json
import os
import sys
import threading

# Before whatever imports IPython.
from . import terminal  # noqa: F401, I001

from . import dumping, guards, output, shell, uncarried
from .incoming import Incoming
from .server import Server
from .state import State

_TURNS = 3


def main():
    server = Server(int(sys.argv[1]))
    output.install()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    kernel = Kernel(loop, int(sys.argv[2]))
    server.say_ready()
    obeying = loop.create_task(kernel.obey(server.descriptor))
    while not obeying.done():
        try:
            loop.run_until_complete(obeying)
        except (KeyboardInterrupt, SystemExit):
            # Raised in a task that a cell left behind: that is no reason to lose the variables.
            continue


class Kernel:
    """`descriptor` is where it writes its state."""

    def __init__(self, loop, descriptor):
        self._loop = loop
        self._descriptor = descriptor
        self._has_state = False
        os.set_inheritable(descriptor, False)
        self._shell = shell.make()
        guards.install()
        self._state = State(self._shell, loop)

    async def obey(self, descriptor):
        """What tasks of earlier cells do goes on between two commands, as in Jupyter's kernel."""
        os.set_blocking(descriptor, False)
        pending = bytearray()
        while True:
            while b"\n" not in pending:
                readable = self._loop.create_future()
                self._loop.add_reader(descriptor, readable.set_result, None)
                try:
                    await readable
                finally:
                    self._loop.remove_reader(descriptor)
                data = os.read(descriptor, 1 << 20)
                if not data:
                    return
                pending += data
            line, _, rest = bytes(pending).partition(b"\n")
            pending = bytearray(rest)
            command = json.loads(line)
            if command["type"] == "load":
                # What it is to load comes behind it.
                pending = self._load(command, Incoming(descriptor, pending, command["bytes"]))
            else:
                await self._do(command)

    async def _do(self, command):
        if command["type"] == "configure":
            self._configure(command)
        elif command["type"] == "execute":
            await self._shell.execute(command["id"], command["code"], command["silent"])
        elif command["type"] == "dump":
            # What the last cell's task has to do for its end is no call of the cell's.
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            self._dump(command, asyncio.current_task())

    def _configure(self, command):
        self._state.configure(command["environment"])
        if self._has_state:
            return
        os.makedirs(command["cwd"], exist_ok=True)
        os.chdir(command["cwd"])
        sys.path.insert(0, "")

    def _dump(self, command, own):
        output.flush()
        output.begin(command["id"])
        try:
            uncarried.refuse_threads(threading.main_thread())
            uncarried.refuse_waiting(self._loop, own)
            size = dumping.dump(self._state, self._descriptor, command["limit"])
            output.send("dumped", bytes=size)
        # Whatever a cell has done to Python's own modules: the kernel goes on.
        except BaseException as error:
            _refuse(error)
        output.send("done")

    def _load(self, command, incoming):
        """What is behind it."""
        output.begin(command["id"])
        try:
            self._state.load(incoming)
            self._has_state = True
        except BaseException as error:
            _refuse(error)
        output.send("done")
        return incoming.rest()


def _refuse(error):
    why = str(error) if isinstance(error, uncarried.Uncarried) else f"it holds {uncarried.describe(error)}"
    output.send("error", name="Uncarried", value=why, traceback="")


main()
