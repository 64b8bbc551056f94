"""Pandas' data frames as E2B has them: each column a list, by its name."""

from . import formats, values

# Past that nobody reads them in a result, and to count is cheaper than to describe.
_MAX_CELLS = 1_000_000


def install(shell):
    formats.install(shell, "e2b/data", "pandas.core.frame", "DataFrame", _describe)


def _describe(frame):
    if frame.size > _MAX_CELLS:
        return None
    columns = frame.to_dict(orient="list")
    return {str(name): [values.plain(cell) for cell in cells] for name, cells in columns.items()}
