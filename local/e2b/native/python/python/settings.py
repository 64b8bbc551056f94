"""What a kernel's process and the packages in it are set to."""

import decimal
import gc
import logging
import os
import random
import signal
import sys
import time
import warnings

from .uncarried import Uncarried, find_loaded

# The kernel sets it for each cell.
_OF_KERNEL = (signal.SIGINT,)
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)


class Settings:
    def __init__(self):
        self._handlers = _signal_handlers()
        self._random = self._decimal = None
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
        """Before the process is copied: a copy has no timers, begins its random numbers anew, and reads all in a thread."""
        if any(signal.getitimer(timer)[0] > 0 for timer in _TIMERS):
            raise Uncarried("a timer is set in it that sends it a signal")
        self._random = random.getstate()
        self._decimal = decimal.getcontext().copy()

    def read(self):
        return {
            "folder": _folder(),
            "set": {name: value for name, value in os.environ.items() if self._environment.get(name) != value},
            "unset": [name for name in self._environment if name not in os.environ],
            "recursion": sys.getrecursionlimit(),
            "signals": {
                number: handler for number, handler in _signal_handlers().items() if self._handlers[number] != handler
            },
            "blocked": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
            "mask": _mask(),
            "digits": sys.get_int_max_str_digits(),
            "collects": (gc.isenabled(), gc.get_threshold()),
            "random": self._random,
            "decimal": self._decimal,
            "warnings": list(warnings.filters),
            "loggers": _loggers(),
            "numpy": _of_numpy(),
            "pandas": find_loaded("pandas._config.config", "_global_config"),
            "matplotlib": _of_matplotlib(),
        }

    def restore(self, state):
        self._set, self._unset = state["set"], state["unset"]
        self._change_environment()
        if state["folder"] is not None:
            os.chdir(state["folder"])
        sys.setrecursionlimit(state["recursion"])
        for number, handler in state["signals"].items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, state["blocked"])
        os.umask(state["mask"])
        time.tzset()
        sys.set_int_max_str_digits(state["digits"])
        is_enabled, threshold = state["collects"]
        (gc.enable if is_enabled else gc.disable)()
        gc.set_threshold(*threshold)
        random.setstate(state["random"])
        decimal.setcontext(state["decimal"])
        warnings.filters[:] = state["warnings"]
        warnings._filters_mutated()
        for logger, level, handlers, filters, propagates, is_disabled in state["loggers"]:
            logger.setLevel(level)
            logger.handlers[:], logger.filters[:] = handlers, filters
            logger.propagate, logger.disabled = propagates, is_disabled
        _restore_packages(state)


def _mask():
    # It can only be read by setting it.
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _folder():
    try:
        return os.getcwd()
    except FileNotFoundError:
        # A cell has removed it.
        return None


def _signal_handlers():
    return {number: signal.getsignal(number) for number in signal.valid_signals() if number not in _OF_KERNEL}


def _loggers():
    known = [logging.root, *logging.Logger.manager.loggerDict.values()]
    return [
        (each, each.level, list(each.handlers), list(each.filters), each.propagate, each.disabled)
        for each in known
        if isinstance(each, logging.Logger)
    ]


def _of_numpy():
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    options = numpy.get_printoptions()
    return {"random": numpy.random.get_state(), "options": options, "errors": numpy.geterr()}


def _of_matplotlib():
    settings = find_loaded("matplotlib", "rcParams")
    return None if settings is None else dict(settings)


def _restore_packages(state):
    if state["numpy"] is not None:
        import numpy

        numpy.random.set_state(state["numpy"]["random"])
        numpy.set_printoptions(**state["numpy"]["options"])
        numpy.seterr(**state["numpy"]["errors"])
    if state["pandas"] is not None:
        from pandas._config import config

        config._global_config.clear()
        config._global_config.update(state["pandas"])
    if state["matplotlib"] is not None:
        import matplotlib

        dict.update(matplotlib.rcParams, state["matplotlib"])
