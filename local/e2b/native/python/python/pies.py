"""Pies."""

from . import values
from .axes import title


def pie(axes):
    from matplotlib.patches import Wedge

    if axes.lines or axes.collections or axes.images or axes.tables or axes.artists:
        return None
    if not axes.patches or not all(isinstance(patch, Wedge) for patch in axes.patches):
        return None
    elements = [
        {
            "label": str(wedge.get_label()),
            # Matplotlib divides the circle in 32 bits.
            "angle": abs(values.number(wedge.theta2 - wedge.theta1, digits=6)),
            "radius": values.number(wedge.r),
        }
        for wedge in axes.patches
    ]
    return {"type": "pie", "title": title(axes), "elements": elements}
