"""matplotlib's figures: shown as PNG at the end of the cell that made them, as IPython's inline backend does."""

import importlib.machinery
import io
import sys
import types

from . import display

# What matplotlib is told to draw with, by the name that it has in IPython.
_PACKAGE = "matplotlib_inline"
_MODULE = f"{_PACKAGE}.backend_inline"
BACKEND = f"module://{_MODULE}"


class _Backend:
    """Finds and makes the backend's module, which needs matplotlib and so cannot be there from the start."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, cls) if name == _MODULE else None

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        module.FigureCanvas = FigureCanvasAgg
        module.show = show


def install():
    """Have the backend found."""
    package = types.ModuleType(_PACKAGE)
    package.__path__ = []
    sys.modules[_PACKAGE] = package
    sys.meta_path.append(_Backend)


def png(figure):
    """A figure as a PNG; None if nothing is in it."""
    if not figure.axes and not figure.lines:
        return None
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight", facecolor=figure.get_facecolor())
    return file.getvalue()


def show(close=None, block=None):
    """Show all open figures, and close them."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return
    try:
        for number in pyplot.get_fignums():
            display.display(pyplot.figure(number))
    finally:
        pyplot.close("all")
