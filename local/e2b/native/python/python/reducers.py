"""How things are taken apart that pickle would copy in part, or not at all."""

import functools
import importlib
import io
import marshal
import re
import sys
import threading
import types
import typing
import weakref

from . import rebuild
from .named import is_named, is_system
from .uncarried import Uncarried

_FILES = (io.FileIO, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.TextIOWrapper)


def _module(module):
    name = module.__name__
    if is_system(module):
        return importlib.import_module, (name,)
    made_of = name, getattr(module, "__file__", None), sys.modules.get(name) is module
    state = {key: value for key, value in vars(module).items() if key not in _OF_MODULE}
    return rebuild.make_module, made_of, state, None, None, rebuild.fill_module


_OF_MODULE = ("__builtins__", "__cached__", "__loader__", "__spec__")


def exception(error):
    # What it was raised in is gone: where that was is not carried.
    make, made_of, *rest = error.__reduce_ex__(4)
    own = rest[0] if rest else None
    state = own, error.__cause__, error.__context__, error.__suppress_context__
    return make, made_of, state, None, None, rebuild.fill_exception


def array(thing):
    """One of numpy's; what shares its memory with another one does so again."""
    root = _root_of(thing)
    below = root.base.obj if isinstance(root.base, memoryview) else root.base
    memory = below if isinstance(below, rebuild.BUFFERS) else root
    if type(below).__module__ == "mmap":
        raise Uncarried("a mapped file")
    if memory is root:
        has_objects = thing.dtype.hasobject or root.dtype.hasobject
        if root is thing or (thing.dtype != root.dtype and has_objects) or not thing.dtype.itemsize:
            return NotImplemented
        try:
            start = _address(rebuild.flatten(root))
        except ValueError:
            return NotImplemented
    else:
        start = _address(sys.modules["numpy"].frombuffer(memory, "u1")) if memory else _address(thing)
    form = thing.dtype, thing.shape, thing.strides, _address(thing) - start, thing.flags.writeable
    return rebuild.make_array, (memory, *form)


def _root_of(array):
    """The array that has the memory of this one, or has it from something that is no array."""
    while True:
        # numpy's own `as_strided` puts a thing of its own between.
        base = array.base.base if type(array.base).__name__ == "DummyArray" else array.base
        if type(base) is not type(array):
            return array
        array = base


def _address(array):
    return array.__array_interface__["data"][0]


def _file(file):
    if not file.closed:
        raise Uncarried(f"an open file ({getattr(file, 'name', None)!r})")
    raw = file.buffer.raw if isinstance(file, io.TextIOWrapper) else getattr(file, "raw", file)
    text = (file.encoding, file.errors) if isinstance(file, io.TextIOWrapper) else (None, None)
    return rebuild.make_closed_file, (type(file), raw.name, file.mode, *text)


def _lock(lock):
    # In a copy of the process, which ends: nobody is kept waiting.
    if not lock.acquire(blocking=False):
        raise Uncarried("a lock that is held")
    lock.release()
    return (threading.RLock if type(lock) is type(threading.RLock()) else threading.Lock), ()


def _match(match):
    again = match.re.match(match.string, match.start(), match.endpos)
    if again is None or again.regs != match.regs:
        return NotImplemented
    return rebuild.make_match, (match.re, match.string, match.start(), match.endpos)


def _cached(function):
    made_of = function.__wrapped__, function.cache_parameters()
    return rebuild.make_cached, made_of, vars(function), None, None, rebuild.fill_attributes


def _type_variable(variable):
    if is_named(variable):
        return NotImplemented
    made_of = variable.__name__, variable.__constraints__, variable.__bound__
    return rebuild.make_type_variable, (
        *made_of, variable.__covariant__, variable.__contravariant__, variable.__module__
    )


def _new_type(made):
    if is_named(made):
        return NotImplemented
    return rebuild.make_new_type, (made.__name__, made.__supertype__, made.__module__)


def weak_reference(reference):
    thing = reference()
    more = [] if reference.__callback__ is None else [reference.__callback__]
    if isinstance(reference, weakref.KeyedRef):
        more = [reference.__callback__, reference.key]
    return rebuild.make_weak_reference, (type(reference), thing, *more)


def _weak_dictionary(dictionary):
    return type(dictionary), (), None, None, iter(list(dictionary.items()))


def _view(name):
    return lambda view: (rebuild.make_view_of, (name, rebuild.mapping_of(view)))


# By the type of a thing, exactly.
REDUCERS = {
    types.ModuleType: _module,
    types.CodeType: lambda code: (rebuild.make_code, (marshal.dumps(code),)),
    types.MethodType: lambda method: (types.MethodType, (method.__func__, method.__self__)),
    property: lambda own: (property, (own.fget, own.fset, own.fdel, own.__doc__)),
    staticmethod: lambda method: (staticmethod, (method.__func__,)),
    classmethod: lambda method: (classmethod, (method.__func__,)),
    super: lambda own: (super, (own.__thisclass__, own.__self__)),
    types.MappingProxyType: _view("proxy"),
    type({}.keys()): _view("keys"),
    type({}.values()): _view("values"),
    type({}.items()): _view("items"),
    functools._lru_cache_wrapper: _cached,
    typing.TypeVar: _type_variable,
    typing.NewType: _new_type,
    type(threading.Lock()): _lock,
    type(threading.RLock()): _lock,
    weakref.WeakKeyDictionary: _weak_dictionary,
    weakref.WeakValueDictionary: _weak_dictionary,
    re.Match: _match,
    **dict.fromkeys(_FILES, _file),
}
