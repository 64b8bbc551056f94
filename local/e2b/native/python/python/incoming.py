"""A known number of bytes of what a kernel is sent, as a file."""

import os

_CHUNK = 1024 * 1024


class Incoming:
    """`pending` has been read of it, and perhaps of what comes behind it."""

    def __init__(self, descriptor, pending, size):
        self._descriptor = descriptor
        self._pending = memoryview(bytes(pending))
        self._left = size

    def readinto(self, room):
        room = memoryview(room).cast("B")
        filled = 0
        while filled < len(room):
            count = self._take(room[filled:])
            if count == 0:
                break
            filled += count
        return filled

    def read(self, size):
        data = bytearray(min(size, self._left))
        del data[self.readinto(data) :]
        return bytes(data)

    def readline(self):
        line = bytearray()
        while not line.endswith(b"\n") and (byte := self.read(1)):
            line += byte
        return bytes(line)

    def rest(self):
        """Reads what nobody has wanted of it; what is behind it."""
        while self._left and self.read(_CHUNK):
            pass
        return bytearray(self._pending)

    def _take(self, room):
        room = room[: self._left]
        if self._pending:
            count = min(len(room), len(self._pending))
            room[:count] = self._pending[:count]
            self._pending = self._pending[count:]
        elif room:
            count = self._receive(room)
        else:
            return 0
        self._left -= count
        return count

    def _receive(self, room):
        os.set_blocking(self._descriptor, True)
        try:
            return os.readv(self._descriptor, [room])
        finally:
            os.set_blocking(self._descriptor, False)
