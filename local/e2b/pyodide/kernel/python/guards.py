"""Replacements for calls that would end Pyodide or block it for good."""

import asyncio
import builtins
import os
import subprocess
import time

from . import output

_pause = None


class StdinNotImplementedError(NotImplementedError):
    """Raised by input(): nobody can answer."""


def connect(pause):
    """Set the JavaScript function that waits, and wakes when interrupted."""
    global _pause
    _pause = pause


def _refuse(name):
    def refuse(*_args, **_options):
        raise OSError(f"{name}: this sandbox cannot start processes")

    refuse.__name__ = refuse.__qualname__ = name
    return refuse


class _NoProcess(subprocess.Popen):
    def __init__(self, *_args, **_options):
        raise OSError("subprocess: this sandbox cannot start processes")

    def __del__(self):
        # The real one reads attributes that were never set.
        pass


def _input(prompt="", /):
    raise StdinNotImplementedError(
        "raw_input was called, but this frontend does not support input requests."
    )


class Exit:
    """`exit` and `quit`: the kernel ends when the cell has."""

    __module__ = "IPython.core.autocall"
    was_called = False

    def __call__(self, keep_kernel=False):
        Exit.was_called = not keep_kernel


def sleep(seconds, /):
    """Wait without burning CPU. The original spins and cannot be interrupted."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    output.flush()
    _pause(float(seconds))


def install():
    """Put the replacements in place."""
    # os.system() reaches for a host process. Denied that, it ends Pyodide.
    for name in dir(os):
        if name in ("system", "popen", "fork", "forkpty") or name.startswith(
            ("exec", "spawn", "posix_spawn")
        ):
            setattr(os, name, _refuse(f"os.{name}"))
    subprocess.Popen = _NoProcess
    asyncio.create_subprocess_exec = _refuse("asyncio.create_subprocess_exec")
    asyncio.create_subprocess_shell = _refuse("asyncio.create_subprocess_shell")
    builtins.input = _input
    builtins.exit = builtins.quit = Exit()
    time.sleep = sleep
