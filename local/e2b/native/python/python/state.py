"""All that a Python kernel is at one moment, as bytes: its variables, its history, and what its process is set to."""

import argparse
import importlib
import linecache
import os
import pickle
import random
import sys
import warnings

from . import rebuild
from .pickler import Pickler, is_system
from .uncarried import Uncarried, describe, find_loaded

# What a variable is called that has its name from IPython: what it holds is told by another name, where it has one.
_HISTORY = ("_", "In", "Out")

_FOLDERS = ("/home/user/", "/root/", "/tmp/", "/dev/shm/")
# How deep objects may lie in each other.
DEPTH = 200_000


def anchors(shell, loop):
    """What each kernel has of its own, by names that are the same in all of them."""
    history = shell.history_manager
    return {
        "names": shell.user_ns,
        "main": shell.user_module,
        "shell": shell,
        "loop": loop,
        "In": history.input_hist_parsed,
        "raw": history.input_hist_raw,
        "Out": history.output_hist,
        "folders": history.dir_hist,
        "builtins": vars(sys.modules["builtins"]),
        "modules": sys.modules,
        "path": sys.path,
        "stdin": sys.__stdin__,
        "stdout": sys.__stdout__,
        "stderr": sys.__stderr__,
        # A text that its parsers know by its identity.
        "argparse.SUPPRESS": argparse.SUPPRESS,
    }


class State:
    """`loop` is the kernel's. What the shell has by now no cell has made."""

    def __init__(self, shell, loop):
        self._shell = shell
        self._loop = loop
        self._own = dict(shell.user_ns)
        self._modules = set(sys.modules)
        self._random = None
        self._environment = {}
        # What cells have set in another kernel, which this one goes on for.
        self._set, self._unset = {}, ()

    def configure(self, environment):
        """The variables of the sandbox, below those that cells have set."""
        os.environ.update(environment)
        self._environment = dict(os.environ)
        self._change_environment()

    def _change_environment(self):
        os.environ.update(self._set)
        for name in self._unset:
            os.environ.pop(name, None)

    def prepare(self):
        """Before the process is copied: in a copy, Python begins its random numbers anew."""
        self._random = random.getstate()

    def dump(self, file):
        """@raises Uncarried"""
        shell, names = self._shell, self._shell.user_ns
        parts = self._parts()
        sys.setrecursionlimit(DEPTH)
        pickler = Pickler(file, anchors(shell, self._loop))
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

    def _parts(self):
        history, hook = self._shell.history_manager, self._shell.displayhook
        return {
            "history": {
                "count": self._shell.execution_count,
                "lists": [list(each) for each in (history.input_hist_parsed, history.input_hist_raw, history.dir_hist)],
                "Out": dict(history.output_hist),
                "shown": dict(history.output_hist_reprs),
                "inputs": [getattr(history, name) for name in _INPUTS],
                # Of one that a cell has set itself IPython knows no more than that it is another one.
                "values": [
                    value if (value := getattr(hook, name)) is self._shell.user_ns.get(name) else object()
                    for name in _VALUES
                ],
                "cells": dict(self._shell.compile._filename_map),
                "lines": {name: linecache.cache.get(name) for name in self._shell.compile._filename_map},
            },
            "process": {
                "folder": os.getcwd(),
                "set": {name: value for name, value in os.environ.items() if self._environment.get(name) != value},
                "unset": [name for name in self._environment if name not in os.environ],
                "recursion": sys.getrecursionlimit(),
            },
            "settings": {
                "random": self._random,
                "warnings": list(warnings.filters),
                "numpy": _of_numpy(),
                "pandas": _of_pandas(),
                "matplotlib": _of_matplotlib(),
            },
        }

    def load(self, file):
        """@raises Uncarried"""
        shell, names = self._shell, self._shell.user_ns
        rebuild.anchors.update(anchors(shell, self._loop))
        unpickler = pickle.Unpickler(file)
        for _ in rebuild.anchors:
            unpickler.load()
        head = unpickler.load()
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
        history, process, settings = (_load(unpickler, f"its {name}") for name in ("history", "process", "settings"))
        rebuild.finish()
        self._reorder(head["names"])
        self._restore_history(history)
        self._set, self._unset = process["set"], process["unset"]
        self._change_environment()
        os.chdir(process["folder"])
        sys.setrecursionlimit(process["recursion"])
        _restore_settings(settings)

    def _reorder(self, order):
        names = self._shell.user_ns
        in_order = {name: names[name] for name in order}
        names.clear()
        names.update(in_order)

    def _restore_history(self, state):
        history, hook = self._shell.history_manager, self._shell.displayhook
        self._shell.execution_count = state["count"]
        for mine, theirs in zip((history.input_hist_parsed, history.input_hist_raw, history.dir_hist), state["lists"]):
            mine[:] = theirs
        history.output_hist.update(state["Out"])
        history.output_hist_reprs.update(state["shown"])
        for name, value in zip(_INPUTS, state["inputs"]):
            setattr(history, name, value)
        for name, value in zip(_VALUES, state["values"]):
            setattr(hook, name, value)
        self._shell.compile._filename_map.update(state["cells"])
        for name, lines in state["lines"].items():
            if lines is not None:
                linecache.cache[name] = lines


_INPUTS = ("_i00", "_i", "_ii", "_iii")
_VALUES = ("_", "__", "___")


def _rank(name, value):
    """What others need is made first; what a cell has named is told by that name."""
    if isinstance(value, type(sys)):
        return 0
    if name.startswith(_HISTORY):
        return 4
    if isinstance(value, (str, bytes, int, float, bool, type(None))):
        return 1
    return 2 if isinstance(value, (type, type(_rank))) else 3


def _is_local(module):
    """Whether it is of a file of the sandbox."""
    file = getattr(module, "__file__", None) if isinstance(module, type(sys)) else None
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


class TooLarge(Exception):
    """More than a sandbox may have of memory."""


def _of_numpy():
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    options = numpy.get_printoptions()
    return {"random": numpy.random.get_state(), "options": options, "errors": numpy.geterr()}


def _of_pandas():
    return find_loaded("pandas._config.config", "_global_config")


def _of_matplotlib():
    settings = find_loaded("matplotlib", "rcParams")
    return None if settings is None else dict(settings)


def _restore_settings(settings):
    random.setstate(settings["random"])
    warnings.filters[:] = settings["warnings"]
    warnings._filters_mutated()
    if settings["numpy"] is not None:
        import numpy

        numpy.random.set_state(settings["numpy"]["random"])
        numpy.set_printoptions(**settings["numpy"]["options"])
        numpy.seterr(**settings["numpy"]["errors"])
    if settings["pandas"] is not None:
        from pandas._config import config

        config._global_config.clear()
        config._global_config.update(settings["pandas"])
    if settings["matplotlib"] is not None:
        import matplotlib

        dict.update(matplotlib.rcParams, settings["matplotlib"])
