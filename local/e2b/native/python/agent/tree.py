"""All files of a sandbox as one stream of bytes: each a head in JSON, with its length before it, and what is in it."""

import errno
import json
import os
import shutil
import stat
import struct

from . import files, frames

_FOLDERS = ("/home/user", "/root", "/tmp", "/dev/shm")
_CHUNK = 1024 * 1024
_LENGTH = struct.Struct(">I")


def send(number):
    """Sends all of it, and gives its length in bytes. What is no file, folder or link, e.g. a pipe, is left out."""
    return sum(_send(path, status, number) for folder in _FOLDERS for path, status in _walk(folder))


def _walk(path):
    """Folders before what is in them, with what they were before they were looked into."""
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        yield path, status
        return
    with _Opened(path, status):
        yield path, status
        for name in sorted(os.listdir(path)):
            yield from _walk(os.path.join(path, name))


def _send(path, status, number):
    head = {
        "path": path,
        "mode": stat.S_IMODE(status.st_mode),
        "modified": status.st_mtime_ns,
        "metadata": files.metadata_of(status),
    }
    if stat.S_ISDIR(status.st_mode):
        return _send_head({**head, "kind": "directory"}, number)
    if stat.S_ISLNK(status.st_mode):
        return _send_head({**head, "kind": "symlink", "target": os.readlink(path)}, number)
    if not stat.S_ISREG(status.st_mode):
        return 0
    with _Opened(path, status), open(path, "rb", buffering=0) as file:
        parts = list(_parts(file, status.st_size))
        sent = _send_head({**head, "kind": "file", "size": status.st_size, "parts": parts}, number)
        for start, length in parts:
            file.seek(start)
            while length > 0 and (data := file.read(min(length, _CHUNK))):
                frames.send(frames.OUT, number, data)
                sent += len(data)
                length -= len(data)
            if length > 0:
                raise files.FileError("forbidden", f"path '{path}' shrinks while it is read")
    return sent


def _send_head(head, number):
    data = json.dumps(head).encode()
    frames.send(frames.OUT, number, _LENGTH.pack(len(data)) + data)
    return _LENGTH.size + len(data)


def _parts(file, size):
    """Where there is something in it: a file may be far larger than the memory that it takes."""
    end = 0
    while end < size:
        try:
            start = os.lseek(file.fileno(), end, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return
        end = min(os.lseek(file.fileno(), start, os.SEEK_HOLE), size)
        yield start, end - start


class _Opened:
    """Something that its owner may read for a moment, whatever its mode."""

    def __init__(self, path, status):
        self._path = path
        self._mode = stat.S_IMODE(status.st_mode)
        needed = stat.S_IRUSR | (stat.S_IXUSR if stat.S_ISDIR(status.st_mode) else 0)
        self._lacks = needed & ~self._mode

    def __enter__(self):
        if self._lacks:
            os.chmod(self._path, self._mode | self._lacks)

    def __exit__(self, *_exc_info):
        if self._lacks:
            os.chmod(self._path, self._mode)


class Unpacking:
    """Takes such a stream as it comes. What was in the folders before is gone."""

    def __init__(self):
        self._pending = bytearray()
        self._file = None
        # What is left of its parts.
        self._parts = []
        self._heads = []
        for folder in _FOLDERS:
            for name in os.listdir(folder):
                path = os.path.join(folder, name)
                if os.path.isdir(path) and not os.path.islink(path):
                    shutil.rmtree(path)
                else:
                    os.unlink(path)

    def write(self, data):
        self._pending += data
        while self._fill() if self._file is not None else self._begin():
            pass

    def _begin(self):
        """Makes the next one; whether there was one."""
        if len(self._pending) < _LENGTH.size:
            return False
        end = _LENGTH.size + _LENGTH.unpack_from(self._pending)[0]
        if len(self._pending) < end:
            return False
        head = json.loads(self._pending[_LENGTH.size : end])
        del self._pending[:end]
        path = _checked(head["path"])
        if head["kind"] == "directory":
            os.makedirs(path, exist_ok=True)
        elif head["kind"] == "symlink":
            os.symlink(head["target"], path)
        else:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._file, head["size"])
            self._parts = head["parts"]
        self._heads.append({name: head[name] for name in ("path", "kind", "mode", "modified", "metadata")})
        return True

    def _fill(self):
        """Writes what has come of a file; whether to go on."""
        while self._parts:
            start, length = self._parts[0]
            if not self._pending:
                return False
            count = os.pwrite(self._file, self._pending[:length], start)
            del self._pending[:count]
            if count == length:
                self._parts = self._parts[1:]
            else:
                self._parts = [[start + count, length - count], *self._parts[1:]]
        os.close(self._file)
        self._file = None
        return True

    def finish(self):
        if self._file is not None or self._pending:
            raise files.FileError("forbidden", "the files of the sandbox are not whole")
        # Each after what is in it: that could not be written otherwise, and would change when the folder was.
        for head in reversed(self._heads):
            times = (head["modified"], head["modified"])
            os.utime(head["path"], ns=times, follow_symlinks=False)
            if head["kind"] != "symlink":
                os.chmod(head["path"], head["mode"])
                files.keep_metadata(os.lstat(head["path"]), head["metadata"])

    def abandon(self):
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _checked(path):
    """Where it belongs, and no link on the way leads out of there."""
    folder = os.path.dirname(path)
    is_below = path.startswith(tuple(f"{root}/" for root in _FOLDERS)) and os.path.realpath(folder) == folder
    if path not in _FOLDERS and not is_below:
        raise files.FileError("forbidden", f"path '{path}' is not in a folder of the sandbox")
    return path
