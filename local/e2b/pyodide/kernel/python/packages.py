"""Packages that were fetched for this sandbox, unpacked when a cell imports them first."""

import hashlib
import importlib
import importlib.util
import io
import json
import os
import re
import sys
import sysconfig
import zipfile
from importlib.machinery import PathFinder

from . import figures

_FETCH = "`deno task packages`"

# Of each package that Pyodide's lock file knows: what it is called, what can be imported from it, what it needs, and
# the digest of its wheel.
_known = {}
_by_import = {}
# Where a package's wheel is among those that were fetched.
_places = {}
_read = None
_unpacked = set()


def offer(lock, fetched, read):
    """Say what there is: a lock file's packages and those of them whose wheel `read(place)` returns, as JSON."""
    global _read
    _known.update(json.loads(lock))
    # A kernel that goes on where another one was may have others.
    _places.clear()
    _places.update(json.loads(fetched))
    for name, package in _known.items():
        for imported in package["imports"]:
            _by_import.setdefault(imported, name)
    _read = read
    if _Finder not in sys.meta_path:
        sys.meta_path.append(_Finder)


class _Finder:
    """Asked for what is nowhere else."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        package = _by_import.get(name)
        if path is not None or package is None or package not in _places or package in _unpacked:
            return None
        _unpack(package)
        importlib.invalidate_caches()
        return PathFinder.find_spec(name, path, target)


def _unpack(name):
    """Unpack a package and what it needs."""
    if name in _unpacked:
        return
    _unpacked.add(name)
    for needed in _known[name]["depends"]:
        if needed in _known:
            _unpack(needed)
    if name not in _places:
        # Of the standard library, or one whose absence its own import tells.
        return
    wheel = _read(_places[name]).to_bytes()
    if hashlib.sha256(wheel).hexdigest() != _known[name]["sha256"]:
        _unpacked.discard(name)
        raise ImportError(f"the package {name} is damaged: {_FETCH} fetches it again")
    if name == "matplotlib":
        # In the home it would be a file of the user's.
        os.environ.setdefault("MPLCONFIGDIR", "/tmp/matplotlib")
        os.environ.setdefault("MPLBACKEND", figures.BACKEND)
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        archive.extractall(sysconfig.get_path("purelib"))


def is_there(name):
    """Whether a package can be imported, by its own name."""
    name = re.sub(r"[-_.]+", "-", name).lower()
    imports = _known[name]["imports"] if name in _known else [name.replace("-", "_")]
    try:
        return all(importlib.util.find_spec(each) is not None for each in imports)
    except (ImportError, ValueError):
        return False


def words(names):
    """Why there are no others, and how to have some."""
    can = sorted({re.sub(r"[-_.]+", "-", name).lower() for name in names} & _known.keys())
    what = f" {' '.join(can)}" if can else ""
    return (
        "nothing can be installed from inside of this sandbox, which has no network. On the machine that it runs on, "
        f"`deno task packages{what}` fetches packages that Pyodide has; the native kernel has those of the machine."
    )


def hint(name):
    """What to do where a module of this name was not found; None if it is none of Pyodide's packages."""
    package = _by_import.get(name)
    if package is None or package in _places:
        return None
    common = "" if package in ("numpy", "pandas", "matplotlib") else f" {package}"
    return (
        f"{name} is not in this sandbox: `deno task packages{common}` fetches it for kernels that start afterwards, "
        "or install the native kernel."
    )
