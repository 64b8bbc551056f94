"""What changes in a folder, by the machine's inotify."""

import ctypes
import os
import stat
import struct

from . import files, frames

_CREATE, _MODIFY, _ATTRIB, _DELETE = 0x100, 0x2, 0x4, 0x200
_MOVED_FROM, _MOVED_TO = 0x40, 0x80
_ONLY_FOLDERS, _IS_FOLDER = 0x1000000, 0x40000000
_TYPES = {
    _CREATE: "create",
    _MOVED_TO: "create",
    _MODIFY: "write",
    _ATTRIB: "chmod",
    _DELETE: "remove",
    _MOVED_FROM: "rename",
}
_HEAD = struct.Struct("iIII")

_library = ctypes.CDLL(None, use_errno=True)


class Watch:
    def __init__(self, number, path, recursive, loop):
        if not stat.S_ISDIR(os.stat(path).st_mode):
            raise files.FileError("notDirectory", f"path '{path}' is not a directory")
        self._number = number
        self._recursive = recursive
        self._folders = {}
        self._loop = loop
        self._descriptor = _library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
        self._add(path)
        loop.reads(self._descriptor, self._read)

    def _add(self, path):
        mask = sum(_TYPES) | _ONLY_FOLDERS
        paths = [path]
        while paths:
            folder = paths.pop()
            watched = _library.inotify_add_watch(self._descriptor, os.fsencode(folder), mask)
            if watched < 0:
                # It was removed at once, or the machine has no more to give.
                continue
            self._folders[watched] = folder
            if self._recursive:
                paths += _folders_in(folder)

    def _read(self):
        try:
            data = os.read(self._descriptor, 64 * 1024)
        except BlockingIOError:
            return
        while data:
            watched, mask, _cookie, length = _HEAD.unpack_from(data)
            name = data[_HEAD.size : _HEAD.size + length].rstrip(b"\0")
            data = data[_HEAD.size + length :]
            folder = self._folders.get(watched)
            kind = next((each for bit, each in _TYPES.items() if mask & bit), None)
            if folder is None or kind is None or not name:
                continue
            path = os.path.join(folder, os.fsdecode(name))
            frames.tell(frames.EVENT, self._number, {"type": "changed", "change": kind, "path": path})
            if self._recursive and kind == "create" and mask & _IS_FOLDER:
                self._add(path)

    def close(self):
        self._loop.forgets(self._descriptor)
        os.close(self._descriptor)


def _folders_in(folder):
    try:
        with os.scandir(folder) as found:
            return [each.path for each in found if each.is_dir(follow_symlinks=False)]
    except OSError:
        # A program may remove it meanwhile, or keep it to itself.
        return []
