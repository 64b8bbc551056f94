"""All that a Python kernel is at one moment, as bytes: its variables, its history, and what its process is set to."""

import argparse
import gc
import importlib
import pickle
import sys
import types

from . import rebuild
from .history import History
from .named import is_system
from .pickler import Pickler
from .settings import Settings
from .uncarried import Uncarried, describe, open_files, refuse_open

# What a variable is called that has its name from IPython: what it holds is told by another name, where it has one.
_HISTORY = ("_", "In", "Out")

_FOLDERS = ("/home/user/", "/root/", "/tmp/", "/dev/shm/")
# How deep objects may lie in each other.
DEPTH = 200_000


class TooLarge(Exception):
    """More than a sandbox may have of memory."""


class State:
    """`loop` is the kernel's. What the shell has by now no cell has made."""

    def __init__(self, shell, loop):
        self._shell = shell
        self._loop = loop
        self._own = dict(shell.user_ns)
        self._modules = set(sys.modules)
        self._history = History(shell)
        self._settings = Settings()
        self.configure = self._settings.configure
        self._own_files, self._more_files = open_files(), []

    def _anchors(self):
        """What each kernel has of its own, by names that are the same in all of them."""
        return {
            "names": self._shell.user_ns,
            "main": self._shell.user_module,
            "shell": self._shell,
            "loop": self._loop,
            **self._history.anchors(),
            "builtins": vars(sys.modules["builtins"]),
            "modules": sys.modules,
            "path": sys.path,
            "stdin": sys.__stdin__,
            "stdout": sys.__stdout__,
            "stderr": sys.__stderr__,
            # A text that its parsers know by its identity.
            "argparse.SUPPRESS": argparse.SUPPRESS,
        }

    def prepare(self):
        """Before the process is copied, which opens more files."""
        self._settings.prepare()
        if open_files() - self._own_files:
            # Perhaps of something that nobody can reach any more.
            gc.collect()
        self._more_files = sorted(open_files() - self._own_files)

    def dump(self, file):
        """@raises Uncarried"""
        names = self._shell.user_ns
        parts = {"history": self._history.read(), "settings": self._settings.read()}
        sys.setrecursionlimit(DEPTH)
        pickler = Pickler(file, self._anchors())
        own = [name for name in names if name in self._own and names[name] is self._own[name]]
        others = sorted((name for name in names if name not in own), key=lambda name: _rank(name, names[name]))
        local = [module for name, module in list(sys.modules.items()) if name != "__main__" and _is_local(module)]
        imported = [name for name, module in sys.modules.items() if name not in self._modules and is_system(module)]
        pickler.dump({"path": list(sys.path), "imported": imported, "names": list(names), "others": others})
        _dump(pickler, local, "a module of its own")
        for name in others:
            _dump(pickler, names[name], f"the variable {name!r}")
        for name, part in parts.items():
            _dump(pickler, part, f"its {name}")
        # At last: a variable that holds it says more.
        refuse_open(self._more_files)

    def load(self, file):
        """@raises Uncarried"""
        names = self._shell.user_ns
        rebuild.anchors.update(self._anchors())
        unpickler = pickle.Unpickler(file)
        for _ in rebuild.anchors:
            _load(unpickler, "it")
        head = _load(unpickler, "it")
        sys.path[:] = head["path"]
        for name in head["imported"]:
            try:
                importlib.import_module(name)
            except Exception:
                # A part of a package that only the package itself can import.
                continue
        _load(unpickler, "a module of its own")
        for name in head["others"]:
            names[name] = _load(unpickler, f"the variable {name!r}")
        history, settings = _load(unpickler, "its history"), _load(unpickler, "its settings")
        rebuild.finish()
        self._reorder(head["names"])
        self._history.restore(history)
        self._settings.restore(settings)

    def _reorder(self, order):
        names = self._shell.user_ns
        in_order = {name: names[name] for name in order}
        names.clear()
        names.update(in_order)


def _rank(name, value):
    """What others need is made first; what a cell has named is told by that name."""
    if isinstance(value, types.ModuleType):
        return 0
    if name.startswith(_HISTORY):
        return 4
    if isinstance(value, (str, bytes, int, float, bool, type(None))):
        return 1
    return 2 if isinstance(value, (type, types.FunctionType)) else 3


def _is_local(module):
    """Whether it is of a file of the sandbox."""
    file = getattr(module, "__file__", None) if isinstance(module, types.ModuleType) else None
    return isinstance(file, str) and file.startswith(_FOLDERS)


def _dump(pickler, thing, name):
    try:
        pickler.dump(thing)
    except (TooLarge, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise Uncarried(f"{name} holds {describe(error)}") from error


def _load(unpickler, name):
    try:
        return unpickler.load()
    except BaseException as error:
        raise Uncarried(f"{name} holds {describe(error)}") from error
