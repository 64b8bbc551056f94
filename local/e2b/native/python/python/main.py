"""The process of a Python kernel: IPython, which takes commands from its standard input, one JSON object a line."""

import asyncio
import json
import os
import sys

from . import guards, output, shell
from .server import Server


def main():
    server = Server(int(sys.argv[1]))
    output.install()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    kernel = Kernel(loop)
    server.say_ready()
    obeying = loop.create_task(kernel.obey(server.descriptor))
    while not obeying.done():
        try:
            loop.run_until_complete(obeying)
        except (KeyboardInterrupt, SystemExit):
            # Raised in a task that a cell left behind: that is no reason to lose the variables.
            continue


class Kernel:
    def __init__(self, loop):
        self._loop = loop
        self._shell = shell.make()
        guards.install()

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
            await self._do(json.loads(line))

    async def _do(self, command):
        if command["type"] == "configure":
            os.environ.update(command["environment"])
            os.makedirs(command["cwd"], exist_ok=True)
            os.chdir(command["cwd"])
            sys.path.insert(0, "")
        elif command["type"] == "execute":
            await self._shell.execute(command["id"], command["code"], command["silent"])


main()
