"""The programs of a sandbox: how they are started, what they say, and how they end."""

import codecs
import fcntl
import json
import os
import signal
import struct
import subprocess
import termios

from . import frames

_CHUNK = 64 * 1024
# A kernel's messages come here; what it and its children write to 1 and 2 is put between them.
_MESSAGES = 3
# By which a kernel that can be copied says what it is, in bytes: the server's second stream of it.
_STATE = 4
# Of the machine's processor others have more: a sandbox that wants all of it must not keep them from answering.
_NICE = 5


class Program:
    """A process group with pipes. `loop` watches descriptors; `ended` is told the number when all is over."""

    def __init__(self, number, spec, loop, ended):
        self.number = number
        self._loop = loop
        self._ended = ended
        self._input = bytearray()
        self._input_ends = False
        self._held = set()
        self._status = None
        is_kernel = self._is_kernel = spec["kernel"]
        reads, theirs = {}, []
        more = (_MESSAGES, _STATE) if spec.get("state") else (_MESSAGES,) if is_kernel else ()
        for stream in (1, 2, *more):
            reads[stream], write = os.pipe()
            theirs.append(write)
        input_read, self._stdin = os.pipe()
        try:
            process = subprocess.Popen(
                [spec["command"], *spec["args"], *map(str, theirs[2:])],
                stdin=input_read,
                stdout=theirs[0],
                stderr=theirs[1],
                pass_fds=theirs[2:],
                env=spec["environment"],
                cwd=spec["cwd"],
                start_new_session=True,
            )
        except BaseException:
            for descriptor in (*reads.values(), self._stdin):
                os.close(descriptor)
            raise
        finally:
            for descriptor in (input_read, *theirs):
                os.close(descriptor)
        # This process reaps all children itself.
        process.returncode = 0
        self.pid = process.pid
        self._lower_priority()
        self._streams = {stream: self._made(stream, reads[stream], is_kernel) for stream in reads}
        os.set_blocking(self._stdin, False)
        for stream in self._streams:
            self._listen(stream)

    def _lower_priority(self):
        try:
            os.setpriority(os.PRIO_PROCESS, self.pid, _NICE)
        except ProcessLookupError:
            # It has ended already.
            pass

    def _made(self, stream, descriptor, is_kernel):
        os.set_blocking(descriptor, False)
        if stream == _MESSAGES:
            return _Messages(self, descriptor)
        if stream == _STATE:
            return _Raw(self, descriptor, 2, False)
        return _Raw(self, descriptor, stream, is_kernel)

    def _listen(self, stream):
        self._loop.reads(self._streams[stream].descriptor, lambda: self._read(stream))

    def _read(self, stream):
        source = self._streams.get(stream)
        if source is not None and source.read() == 0:
            self._close(stream)

    def drain(self):
        """Hand on what was written to 1 and 2 by now, before what a kernel says of it."""
        for stream in (1, 2):
            if stream in self._streams and stream not in self._held:
                _drain(self._streams[stream])

    def _close(self, stream):
        source = self._streams.pop(stream)
        self._loop.forgets(source.descriptor)
        os.close(source.descriptor)
        if stream == _MESSAGES:
            # A kernel that can say no more would never be heard to have done what it was asked.
            self.signal("SIGKILL")
        self._finish()

    def hold(self, stream, held):
        """Stop to read what it says, or go on."""
        # A kernel's messages are the server's first stream, with all that it prints among them.
        of_kernel = (1, 2, _MESSAGES) if stream == 1 else (_STATE,)
        for each in of_kernel if self._is_kernel else (stream,):
            if each not in self._streams or (each in self._held) == held:
                continue
            if held:
                self._held.add(each)
                self._loop.forgets(self._streams[each].descriptor)
            else:
                self._held.discard(each)
                self._listen(each)
        self._finish()

    def write(self, data):
        """Give it input; nothing at all ends its input."""
        if self._stdin is None:
            if data:
                frames.tell(frames.EVENT, self.number, {"type": "taken", "bytes": len(data)})
            return
        self._input += data
        self._input_ends = self._input_ends or not data
        self._flush()

    def _flush(self):
        had = len(self._input)
        try:
            while self._input:
                del self._input[: os.write(self._stdin, self._input[:_CHUNK])]
        except BlockingIOError:
            return self._loop.writes(self._stdin, self._flush)
        except OSError:
            # It reads no more.
            self._input.clear()
            self._input_ends = True
        finally:
            if had > len(self._input):
                frames.tell(frames.EVENT, self.number, {"type": "taken", "bytes": had - len(self._input)})
        self._loop.forgets(self._stdin)
        if self._input_ends:
            os.close(self._stdin)
            self._stdin = None

    def signal(self, name):
        if name == "SIGKILL" and self._held:
            # Its end is not to wait for someone who reads no more.
            self._held.clear()
            self._finish()
        if self._status is not None:
            return
        # One that is asked to end may want to end its children itself.
        send = os.kill if name == "SIGTERM" else os.killpg
        try:
            send(self.pid, signal.Signals[name])
        except ProcessLookupError:
            pass

    def reaped(self, pid, status):
        # Once it has ended, its number may be another's.
        if pid == self.pid and self._status is None:
            self._status = status
            self._finish()

    @property
    def is_kernel(self):
        return self._is_kernel

    def is_running_as(self, pid):
        return pid == self.pid and self._status is None

    def _finish(self):
        """Tell of the end once it has ended and all it said is on its way."""
        if self._status is None or self._held & self._streams.keys():
            return
        # A child that it left behind may hold its output open for ever.
        for stream in list(self._streams):
            source = self._streams.pop(stream)
            _drain(source)
            self._loop.forgets(source.descriptor)
            os.close(source.descriptor)
        if self._stdin is not None:
            self._loop.forgets(self._stdin)
            os.close(self._stdin)
            self._stdin = None
        if not self._ended(self.number):
            return
        by = os.WTERMSIG(self._status) if os.WIFSIGNALED(self._status) else None
        frames.tell(frames.EVENT, self.number, {
            "type": "exited",
            "code": 128 + by if by else os.WEXITSTATUS(self._status),
            "signal": _name_of(by) if by else None,
        })


def _name_of(number):
    try:
        return signal.Signals(number).name
    except ValueError:
        # One of the real-time signals, most of which have only a number.
        return f"SIG{number}"


def _drain(source):
    """Hands on what is there by now and no more: who writes without end would have this process read without end."""
    left = struct.unpack("i", fcntl.ioctl(source.descriptor, termios.FIONREAD, bytes(4)))[0]
    while left > 0 and (count := source.read()):
        left -= count


class _Raw:
    """What is written to descriptor 1 or 2."""

    def __init__(self, program, descriptor, stream, is_kernel):
        self.descriptor = descriptor
        self._program = program
        self._kind = frames.OUT if stream == 1 else frames.ERR
        self._name = "stdout" if stream == 1 else "stderr"
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace") if is_kernel else None

    def read(self):
        """How many bytes there were; 0 at the end, `None` when there is nothing yet."""
        try:
            data = os.read(self.descriptor, _CHUNK)
        except BlockingIOError:
            return None
        if data and self._decoder is None:
            frames.send(self._kind, self._program.number, data)
        elif data:
            line = json.dumps({"type": self._name, "text": self._decoder.decode(data)})
            frames.send(frames.OUT, self._program.number, line.encode() + b"\n")
        return len(data)


class _Messages:
    """What a kernel says, line by line."""

    def __init__(self, program, descriptor):
        self.descriptor = descriptor
        self._program = program
        self._partial = bytearray()

    def read(self):
        """As that of what is written to 1 or 2."""
        try:
            data = os.read(self.descriptor, _CHUNK)
        except BlockingIOError:
            return None
        end = data.rfind(b"\n") + 1
        self._partial += data[:end] if end else data
        if end:
            self._program.drain()
            frames.send(frames.OUT, self._program.number, bytes(self._partial))
            self._partial[:] = data[end:]
        elif len(self._partial) > 32 * 1024 * 1024:
            # No honest kernel has a line so long; the server ends it for this one.
            frames.send(frames.OUT, self._program.number, bytes(self._partial))
            self._partial.clear()
        return len(data)
