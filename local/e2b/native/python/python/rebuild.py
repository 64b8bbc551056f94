"""Makes again what `pickler.py` takes apart. What may refer to itself is made empty, and filled once it is known."""

import _abc
import abc
import array
import functools
import gc
import importlib.util
import io
import marshal
import os
import sys
import types
import typing

# Whose memory an array may have.
BUFFERS = (bytes, bytearray, array.array)

# What stands in this process for what had the name in the other one; set before anything is made.
anchors = {}
# What would act on what is only half made.
_late = []


class Anchor:
    def __init__(self, name):
        self._name = name

    def __reduce__(self):
        return anchored, (self._name,)


def anchored(name):
    return anchors[name]


def finish():
    while _late:
        kind, name, value = _late.pop()
        type.__setattr__(kind, name, value)


def make_module(name, file, is_registered):
    spec = importlib.util.spec_from_file_location(name, file) if file else None
    module = importlib.util.module_from_spec(spec) if spec else types.ModuleType(name)
    if is_registered:
        sys.modules[name] = module
    return module


def fill_module(module, state):
    vars(module).update(state)


def make_code(marshalled):
    return marshal.loads(marshalled)


def make_cell():
    return types.CellType()


def fill_cell(cell, state):
    (cell.cell_contents,) = state


def make_function(code, home, closure):
    # Which Python looks up when it makes a function, and nowhere else.
    names = vars(home) if isinstance(home, types.ModuleType) else home
    return types.FunctionType(code, names, None, None, closure)


def fill_function(function, state):
    attributes, own, contents = state
    for name, value in attributes.items():
        setattr(function, name, value)
    vars(function).update(own)
    for cell, value in contents:
        cell.cell_contents = value


def make_class(meta, name, bases, names):
    # Not by calling `meta`: what that does to a class is in what the class had.
    made = type.__new__(meta, name, bases, names)
    if isinstance(made, abc.ABCMeta):
        _abc._abc_init(made)
        # It may have an instance of itself, which is made before its methods are there.
        made.__abstractmethods__ = frozenset()
    return made


def fill_class(kind, state):
    attributes, registered = state
    for name, value in attributes.items():
        if name == "__init_subclass__":
            # It has been called for the subclasses that there are.
            _late.append((kind, name, value))
        else:
            type.__setattr__(kind, name, value)
    for each in registered:
        abc.ABCMeta.register(kind, each)


def make_member(data, kind, *arguments):
    """A member of an enumeration that has none yet."""
    return data.__new__(kind, *arguments)


def fill_member(member, state):
    vars(member).update(state)


def make_cached(function, parameters):
    return functools.lru_cache(**parameters)(function)


def fill_attributes(thing, state):
    vars(thing).update(state)


def make_type_variable(name, constraints, bound, covariant, contravariant, module):
    made = typing.TypeVar(name, *constraints, bound=bound, covariant=covariant, contravariant=contravariant)
    made.__module__ = module
    return made


def make_new_type(name, supertype, module):
    made = typing.NewType(name, supertype)
    made.__module__ = module
    return made


def fill_exception(error, state):
    own, cause, context, suppresses = state
    if own is not None:
        if hasattr(error, "__setstate__"):
            error.__setstate__(own)
        else:
            vars(error).update(own)
    error.__cause__, error.__context__, error.__suppress_context__ = cause, context, suppresses


def make_weak_reference(kind, thing, *more):
    return kind(_Gone() if thing is None else thing, *more)


class _Gone:
    """Nobody keeps one."""


def make_view_of(kind, mapping):
    """Keys, values or items; or what lets nobody write."""
    return types.MappingProxyType(mapping) if kind == "proxy" else getattr(mapping, kind)()


def mapping_of(view):
    # The proxy that a view gives away is another object.
    return next(each for each in gc.get_referents(view) if isinstance(each, dict))


def make_match(pattern, text, start, end):
    return pattern.match(text, start, end)


def make_closed_file(kind, name, mode, encoding, errors):
    raw = io.FileIO(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC), "r+" if kind is io.BufferedRandom else mode)
    raw.name = name
    made = raw
    if kind is io.TextIOWrapper:
        buffered = io.BufferedReader(raw) if raw.readable() else io.BufferedWriter(raw)
        made = io.TextIOWrapper(buffered, encoding=encoding, errors=errors)
        made.mode = mode
    elif kind is not io.FileIO:
        made = kind(raw)
    made.close()
    return made


def make_array(base, dtype, shape, strides, offset, writeable):
    """A part of an array, or of bytes, that has the same memory."""
    import numpy

    if isinstance(base, BUFFERS):
        made = numpy.ndarray(shape, dtype, base, offset, strides)
    elif dtype.hasobject:
        made = numpy.lib.stride_tricks.as_strided(flatten(base)[offset // dtype.itemsize :], shape, strides)
    else:
        # As bytes: not every kind of number can be in a buffer.
        made = numpy.ndarray(shape, dtype, flatten(base).view(numpy.uint8), offset, strides)
    if not writeable:
        made.flags.writeable = False
    return made


def flatten(whole):
    """All of it as one row, in the order of its memory; another name of the same memory, or an error."""
    order = sorted(range(whole.ndim), key=lambda axis: -abs(whole.strides[axis]))
    row = whole.transpose(order)
    if not row.flags.c_contiguous:
        raise ValueError("its memory has gaps")
    return row.reshape(-1)

