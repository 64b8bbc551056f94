"""How the server and the process that minds a sandbox talk: frames over its standard input and output.

A frame is a kind (one byte), the number of what it belongs to and the length of what follows (four bytes each).
"""

import json
import os
import struct

CALL, INPUT = 0, 1
ANSWER, OUT, ERR, EVENT = 0, 1, 2, 3

_HEAD = struct.Struct(">BII")


def send(kind, number, payload):
    """Blocks while the pipe is full: the server never stops to read it."""
    data = memoryview(_HEAD.pack(kind, number, len(payload)) + payload)
    while data:
        data = data[os.write(1, data) :]


def tell(kind, number, message):
    send(kind, number, json.dumps(message).encode())


class Reader:
    """Takes bytes as they come, and gives whole frames."""

    def __init__(self):
        self._pending = bytearray()

    def feed(self, data):
        self._pending += data
        start = 0
        while len(self._pending) - start >= _HEAD.size:
            kind, number, length = _HEAD.unpack_from(self._pending, start)
            end = start + _HEAD.size + length
            if len(self._pending) < end:
                break
            yield kind, number, bytes(self._pending[start + _HEAD.size : end])
            start = end
        del self._pending[:start]
