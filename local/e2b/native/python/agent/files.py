"""The files of a sandbox, seen from inside it: no path leads out, whatever links there are."""

import errno
import os
import shutil
import stat
import tempfile

from . import frames

_CHUNK = 1024 * 1024
_ENTRIES = 10_000
_USER = 1000

# By device and inode, because a file keeps what was written about it when it is renamed.
_metadata = {}


class FileError(Exception):
    def __init__(self, reason, message):
        super().__init__(message)
        self.reason = reason


def reason_of(error):
    """What the server calls an error of the system, and in which words it is told."""
    if isinstance(error, FileError):
        return error.reason, str(error)
    if isinstance(error, ValueError):
        return "forbidden", f"not a path: {error}"
    if isinstance(error, FileNotFoundError):
        return "missing", f"path '{error.filename}' does not exist"
    if isinstance(error, FileExistsError):
        return "exists", f"path already exists: {error.filename}"
    if isinstance(error, IsADirectoryError):
        return "isDirectory", f"path '{error.filename}' is a directory"
    if isinstance(error, NotADirectoryError):
        return "notDirectory", f"path '{error.filename}' is not a directory"
    if isinstance(error, RecursionError):
        return "forbidden", "folders lie too deep in each other"
    if isinstance(error, MemoryError):
        return "noSpace", "there is no memory left in the sandbox"
    if not isinstance(error, OSError):
        return "forbidden", f"{type(error).__name__}: {error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM):
        return "noSpace", "there is no room left in the sandbox"
    return "forbidden", f"{error.strerror or error}" + (f": '{error.filename}'" if error.filename else "")


def entry(path):
    own = os.lstat(path)
    seen, target = own, None
    if stat.S_ISLNK(own.st_mode):
        target = os.path.realpath(path)
        try:
            seen = os.stat(path)
        except OSError:
            # It leads nowhere.
            pass
    kind = "directory" if stat.S_ISDIR(seen.st_mode) else "symlink" if stat.S_ISLNK(seen.st_mode) else "file"
    # Of whom the sandbox knows nothing is root outside of it.
    owner = "user" if own.st_uid == _USER else "root"
    return {
        "path": path,
        "kind": kind,
        "target": target,
        "size": seen.st_size if kind == "file" else 0,
        "mode": stat.S_IMODE(own.st_mode),
        "owner": owner,
        "group": owner,
        "modified": own.st_mtime * 1000,
        "metadata": metadata_of(seen),
    }


def metadata_of(status):
    return _metadata.get((status.st_dev, status.st_ino), {})


def keep_metadata(status, metadata):
    if not metadata:
        return
    if len(_metadata) > _ENTRIES:
        _metadata.clear()
    _metadata[status.st_dev, status.st_ino] = metadata


def read(path, number):
    """Sends what is in a file, and gives its length in bytes."""
    _require_file(path, os.stat(path).st_mode)
    # Without waiting: by now there may be a pipe in its place, with nobody at its other end.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        _require_file(path, status.st_mode)
        # One that grows while it is read would have no end. Files of /proc do not tell theirs.
        length, left = 0, status.st_size or _CHUNK
        while left > 0 and (data := file.read(min(left, _CHUNK))):
            frames.send(frames.OUT, number, data)
            length += len(data)
            left -= len(data)
        return length


def _require_file(path, mode):
    if stat.S_ISDIR(mode):
        raise FileError("isDirectory", f"path '{path}' is a directory")
    if not stat.S_ISREG(mode):
        raise FileError("forbidden", f"path '{path}' is not a file")


def listing(path, depth):
    if not stat.S_ISDIR(os.stat(path).st_mode):
        raise FileError("notDirectory", f"path '{path}' is not a directory")
    found = []
    _walk(path, depth, found)
    return found


def _walk(folder, depth, found):
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        try:
            found.append(entry(path))
        except FileNotFoundError:
            # Removed since it was listed.
            continue
        if len(found) > _ENTRIES:
            raise FileError("noSpace", f"more than {_ENTRIES} files and folders")
        if depth > 1 and stat.S_ISDIR(os.lstat(path).st_mode):
            _walk(path, depth - 1, found)


class Writing:
    """A file that is being written: it appears whole, and where writing fails it stays what it was."""

    def __init__(self, path, metadata):
        self.path = path
        self._metadata = metadata
        # What a link leads to is written, not the link.
        self._target = os.path.realpath(path)
        if os.path.isdir(self._target):
            raise FileError("isDirectory", f"path '{path}' is a directory")
        if os.path.exists(self._target) and not os.path.isfile(self._target):
            raise FileError("forbidden", f"path '{path}' is not a file")
        folder = os.path.dirname(self._target)
        os.makedirs(folder, exist_ok=True)
        self._descriptor, self._draft = tempfile.mkstemp(prefix=".upload-", dir=folder)

    def write(self, data):
        while data:
            data = data[os.write(self._descriptor, data) :]

    def finish(self):
        """Gives the file its name."""
        mode = os.stat(self._target).st_mode if os.path.exists(self._target) else 0o644
        os.fchmod(self._descriptor, stat.S_IMODE(mode))
        status = os.fstat(self._descriptor)
        os.replace(self._draft, self._target)
        keep_metadata(status, self._metadata)
        written = entry(self.path)
        os.close(self._descriptor)
        return written

    def abandon(self):
        os.close(self._descriptor)
        try:
            os.unlink(self._draft)
        except OSError:
            # It has its name already, or a program in the sandbox was quicker.
            pass


def make_directory(path):
    if os.path.isdir(path):
        raise FileError("exists", f"directory already exists: {path}")
    if os.path.lexists(path):
        raise FileError("notDirectory", f"path '{path}' is a file")
    os.makedirs(path)
    return entry(path)


def move(source, destination):
    os.lstat(source)
    if f"{destination}/".startswith(f"{source}/"):
        raise FileError("exists", f"cannot move '{source}' into itself")
    if os.path.isdir(destination):
        raise FileError("exists", f"directory already exists: {destination}")
    # Before all of it is copied: a device has no end, and another may wait for ever.
    _require_loose(source)
    os.makedirs(os.path.dirname(destination), exist_ok=True)
    shutil.move(source, destination)
    return entry(destination)


def _require_loose(path):
    if not os.access(os.path.dirname(path), os.W_OK):
        raise FileError("forbidden", f"path '{path}' cannot be taken from where it is")


def remove(path):
    try:
        is_folder = stat.S_ISDIR(os.lstat(path).st_mode)
    except FileNotFoundError:
        return
    # Before all that is in it is lost.
    _require_loose(path)
    if is_folder:
        shutil.rmtree(path)
    else:
        os.unlink(path)
