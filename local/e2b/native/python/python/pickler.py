"""Takes apart what variables hold: by value what cells define, by name what a fresh Python has, too.

Pickle itself copies what is of Debian's packages; what it would copy in part, or not at all, is seen to here.
"""

import _abc
import enum
import functools
import importlib
import io
import marshal
import pickle
import re
import sys
import threading
import types
import typing
import weakref

from . import rebuild
from .uncarried import Uncarried, find_loaded, refuse

# What a fresh Python finds there as this one did.
_SYSTEM = "/usr/"
_OWN = __name__.partition(".")[0]
_HEAP_TYPE = 1 << 9
_OF_CLASS = (types.GetSetDescriptorType, types.MemberDescriptorType)
_FILES = (io.FileIO, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.TextIOWrapper)


class Pickler(pickle.Pickler):
    """`anchors` are things that have another of their name where this is loaded."""

    def __init__(self, file, anchors):
        super().__init__(file, protocol=5)
        self._filled_cells = {}
        self._singletons = {}
        for name, thing in anchors.items():
            stand_in = rebuild.Anchor(name)
            self.dump(stand_in)
            memo = self.memo.copy()
            memo[id(thing)] = (memo.pop(id(stand_in))[0], thing)
            self.memo = memo

    def reducer_override(self, thing):
        """What pickle is to do with something; it asks for all but plain values and plain containers."""
        kind = type(thing)
        reduce = _REDUCERS.get(kind)
        if reduce is not None:
            return reduce(self, thing)
        if isinstance(thing, type):
            return self._class(thing)
        name = self._name_in_module(thing)
        if name is not None:
            return getattr, (sys.modules[kind.__module__], name)
        if isinstance(thing, BaseException):
            return _exception(thing)
        if isinstance(thing, enum.Enum):
            return self._member(thing)
        if isinstance(thing, weakref.ref):
            return _weak_reference(thing)
        refuse(thing)
        if kind is find_loaded("numpy", "ndarray"):
            return _array(thing)
        return NotImplemented

    def _name_in_module(self, thing):
        """Of something that there is one of, e.g. what marks a value that is missing."""
        module = type(thing).__module__
        names = self._singletons.get(module)
        if names is None:
            owner = sys.modules.get(module)
            is_known = is_system(owner) and module != "builtins"
            names = {id(value): name for name, value in vars(owner).items()} if is_known else {}
            self._singletons[module] = names
        return names.get(id(thing))

    def _class(self, kind):
        if _is_found(kind):
            return NotImplemented
        if not kind.__flags__ & _HEAP_TYPE:
            name = next((name for name, value in vars(types).items() if value is kind), None)
            return NotImplemented if name is None else (getattr, (types, name))
        own = dict(vars(kind))
        # Python makes these itself.
        for name, value in list(own.items()):
            if isinstance(value, _OF_CLASS) and (value.__objclass__ is kind or name in ("__dict__", "__weakref__")):
                del own[name]
        has_registry = own.pop("_abc_impl", None) is not None
        registered = [each() for each in _abc._get_dump(kind)[0]] if has_registry else []
        names = {"__qualname__": kind.__qualname__}
        # What is needed to make the class, and an instance that it has itself.
        made_with = "__module__", "__slots__", "__orig_bases__", *(() if isinstance(kind, enum.EnumMeta) else ("__new__",))
        for name in made_with:
            if name in own:
                names[name] = own.pop(name)
        names.setdefault("__module__", None)
        state = own, [each for each in registered if each is not None]
        skeleton = type(kind), kind.__name__, kind.__bases__, names
        return rebuild.make_class, skeleton, state, None, None, rebuild.fill_class

    def _function(self, function):
        if _is_found(function):
            return NotImplemented
        closure = function.__closure__
        cells = [cell for cell in closure or () if self._is_first(cell)]
        attributes = {
            "__name__": function.__name__,
            "__qualname__": function.__qualname__,
            "__module__": function.__module__,
            "__doc__": function.__doc__,
            "__defaults__": function.__defaults__,
            "__kwdefaults__": function.__kwdefaults__,
            "__annotations__": function.__annotations__,
        }
        contents = [(cell, cell.cell_contents) for cell in cells if _is_full(cell)]
        state = attributes, vars(function), contents
        made_of = function.__code__, _home_of(function), closure
        return rebuild.make_function, made_of, state, None, None, rebuild.fill_function

    def _is_first(self, cell):
        """Whether nothing has taken it on itself to say what is in it."""
        is_first = id(cell) not in self._filled_cells
        self._filled_cells[id(cell)] = cell
        return is_first

    def _cell(self, cell):
        if not self._is_first(cell) or not _is_full(cell):
            return rebuild.make_cell, ()
        return rebuild.make_cell, (), (cell.cell_contents,), None, None, rebuild.fill_cell

    def _member(self, member):
        kind = type(member)
        if _is_found(kind):
            return NotImplemented
        _, made_of, *_ = object.__reduce_ex__(member, 4)
        arguments = kind._member_type_, *made_of
        return rebuild.make_member, arguments, vars(member), None, None, rebuild.fill_member


def is_system(module):
    """Whether a fresh Python finds it by its name, as it came."""
    if not isinstance(module, types.ModuleType) or sys.modules.get(module.__name__) is not module:
        return False
    if module.__name__.partition(".")[0] == _OWN:
        return True
    file = getattr(module, "__file__", None)
    if file is None:
        # Built in, or a folder of packages.
        file = next(iter(getattr(module, "__path__", ())), _SYSTEM)
        return module.__name__ != "__main__" and f"{file}/".startswith(_SYSTEM)
    return file.startswith(_SYSTEM)


def _is_found(thing):
    """Whether a class or function is what a fresh Python has by its name."""
    module = sys.modules.get(thing.__module__)
    if not is_system(module):
        return False
    found = module
    for name in thing.__qualname__.split("."):
        # Not getattr: a class method is another one each time.
        found = vars(found).get(name) if isinstance(found, (type, types.ModuleType)) else None
    return found is thing


def _is_full(cell):
    try:
        cell.cell_contents
    except ValueError:
        return False
    return True


def _home_of(function):
    """The module whose names a function sees, or those names."""
    names = function.__globals__
    module = sys.modules.get(names.get("__name__"))
    return module if isinstance(module, types.ModuleType) and vars(module) is names else names


def _module(_pickler, module):
    name = module.__name__
    if is_system(module):
        return importlib.import_module, (name,)
    made_of = name, getattr(module, "__file__", None), sys.modules.get(name) is module
    state = {key: value for key, value in vars(module).items() if key not in _OF_MODULE}
    return rebuild.make_module, made_of, state, None, None, rebuild.fill_module


_OF_MODULE = ("__builtins__", "__cached__", "__loader__", "__spec__")


def _exception(error):
    # What it was raised in is gone: where that was is not carried.
    make, made_of, *rest = error.__reduce_ex__(4)
    own = rest[0] if rest else None
    state = own, error.__cause__, error.__context__, error.__suppress_context__
    return make, made_of, state, None, None, rebuild.fill_exception


def _array(array):
    root = _root_of(array)
    if type(root).__module__ == "mmap":
        raise Uncarried("a mapped file")
    if type(root) is not type(array) or root is array or (array.dtype != root.dtype and (array.dtype.hasobject or root.dtype.hasobject)):
        return NotImplemented
    try:
        rebuild.flatten(root)
    except ValueError:
        return NotImplemented
    offset = _address(array) - _address(root)
    form = array.dtype, array.shape, array.strides, offset, array.flags.writeable
    return rebuild.make_array, (root, *form)


def _root_of(array):
    """The array that has the memory of this one; what that has it from is of no kind that others share."""
    root = array
    while True:
        # numpy's own `as_strided` puts a thing of its own between.
        base = root.base.base if type(root.base).__name__ == "DummyArray" else root.base
        if not isinstance(base, type(array)):
            return base if type(base).__module__ == "mmap" else root
        root = base


def _address(array):
    return array.__array_interface__["data"][0]


def _file(_pickler, file):
    if not file.closed:
        raise Uncarried(f"an open file ({getattr(file, 'name', None)!r})")
    raw = file.buffer.raw if isinstance(file, io.TextIOWrapper) else getattr(file, "raw", file)
    text = (file.encoding, file.errors) if isinstance(file, io.TextIOWrapper) else (None, None)
    return rebuild.make_closed_file, (type(file), raw.name, file.mode, *text)


def _lock(_pickler, lock):
    # In a copy of the process, which ends: nobody is kept waiting.
    if not lock.acquire(blocking=False):
        raise Uncarried("a lock that is held")
    lock.release()
    return (threading.RLock if type(lock) is type(threading.RLock()) else threading.Lock), ()


def _match(_pickler, match):
    again = match.re.match(match.string, match.start(), match.endpos)
    if again is None or again.regs != match.regs:
        return NotImplemented
    return rebuild.make_match, (match.re, match.string, match.start(), match.endpos)


def _cached(_pickler, function):
    made_of = function.__wrapped__, function.cache_parameters()
    return rebuild.make_cached, made_of, vars(function), None, None, rebuild.fill_attributes


def _type_variable(_pickler, variable):
    if _is_module_level(variable):
        return NotImplemented
    made_of = variable.__name__, variable.__constraints__, variable.__bound__
    return rebuild.make_type_variable, (
        *made_of, variable.__covariant__, variable.__contravariant__, variable.__module__
    )


def _new_type(_pickler, made):
    if _is_module_level(made):
        return NotImplemented
    return rebuild.make_new_type, (made.__name__, made.__supertype__, made.__module__)


def _is_module_level(thing):
    module = sys.modules.get(thing.__module__)
    return is_system(module) and vars(module).get(thing.__name__) is thing


def _weak_reference(reference):
    thing = reference()
    more = [] if reference.__callback__ is None else [reference.__callback__]
    if isinstance(reference, weakref.KeyedRef):
        more = [reference.__callback__, reference.key]
    return rebuild.make_weak_reference, (type(reference), thing, *more)


def _weak_dictionary(_pickler, dictionary):
    return type(dictionary), (), None, None, iter(list(dictionary.items()))


def _view(name):
    return lambda _pickler, view: (rebuild.make_view_of, (name, rebuild.mapping_of(view)))


_REDUCERS = {
    types.FunctionType: Pickler._function,
    types.CellType: Pickler._cell,
    types.ModuleType: _module,
    types.CodeType: lambda _pickler, code: (rebuild.make_code, (marshal.dumps(code),)),
    types.MethodType: lambda _pickler, method: (types.MethodType, (method.__func__, method.__self__)),
    property: lambda _pickler, own: (property, (own.fget, own.fset, own.fdel, own.__doc__)),
    staticmethod: lambda _pickler, method: (staticmethod, (method.__func__,)),
    classmethod: lambda _pickler, method: (classmethod, (method.__func__,)),
    super: lambda _pickler, own: (super, (own.__thisclass__, own.__self__)),
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
