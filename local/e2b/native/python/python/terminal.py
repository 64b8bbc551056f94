"""IPython without its terminal, which it imports along with itself: a third of what a kernel's start took."""

import importlib
import sys
import types

_NAME = "IPython.terminal.embed"


def _import_without():
    empty = types.ModuleType(_NAME)
    empty.embed = None
    sys.modules[_NAME] = empty
    ipython = importlib.import_module("IPython")
    del sys.modules[_NAME]
    # Later ones import it on demand themselves.
    if vars(ipython).get("embed", empty) is None:
        del ipython.embed
        ipython.__getattr__ = _on_demand


def _on_demand(name):
    """What was left out, for whoever asks the package for it."""
    if name not in ("embed", "terminal"):
        raise AttributeError(f"module 'IPython' has no attribute {name!r}")
    embed = importlib.import_module(_NAME).embed
    return embed if name == "embed" else sys.modules["IPython.terminal"]


_import_without()
