"""matplotlib's figures: shown as PNG at the end of the cell that made them, as IPython's inline backend does.

This module is matplotlib's backend itself, which is why it has a `FigureCanvas`.
"""

import io
import sys

from . import display


def __getattr__(name):
    # matplotlib is not there before it is asked for.
    if name == "FigureCanvas":
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        return FigureCanvasAgg
    raise AttributeError(name)


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
