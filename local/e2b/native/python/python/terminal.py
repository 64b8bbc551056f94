"""IPython without its terminal, which it imports along with itself: half of what a kernel's start took."""

import importlib
import sys
import types

_NAME = "IPython.terminal.embed"


def embed(*arguments, **options):
    """IPython's own, for whoever wants it."""
    return importlib.import_module(_NAME).embed(*arguments, **options)


def _import_without():
    empty = types.ModuleType(_NAME)
    empty.embed = embed
    sys.modules[_NAME] = empty
    importlib.import_module("IPython")
    del sys.modules[_NAME]


_import_without()
