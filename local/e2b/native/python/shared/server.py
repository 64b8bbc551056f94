"""How a kernel hears its server and speaks to it: lines of JSON, by pipes that no cell takes for its own."""

import json
import os

from . import output


class Server:
    """`messages` is the descriptor that the kernel is heard by. Its standard input is where commands come from."""

    def __init__(self, messages):
        self.descriptor = os.dup(0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.set_inheritable(messages, False)
        self._messages = messages
        output.connect(self._say)

    def _say(self, line):
        write(self._messages, f"{line}\n".encode("utf-8", "backslashreplace"))

    def say_ready(self):
        self._say('{"type":"ready"}')

    def commands(self):
        """One after the other, until the server is gone."""
        with os.fdopen(self.descriptor, "rb") as lines:
            yield from map(json.loads, lines)


def write(descriptor, data):
    """Blocks while the pipe is full."""
    data = memoryview(data)
    while data:
        data = data[os.write(descriptor, data) :]
