"""Takes apart what variables hold: by value what cells define, by name what a fresh Python has, too.

Pickle itself copies what is of Debian's packages; what it would copy in part, or not at all, is seen to here.
"""

import _abc
import enum
import pickle
import sys
import types
import weakref

from . import rebuild, reducers
from .named import is_found, is_system
from .reducers import REDUCERS
from .uncarried import find_loaded, refuse

_HEAP_TYPE = 1 << 9
_OF_CLASS = (types.GetSetDescriptorType, types.MemberDescriptorType)


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
        reduce = REDUCERS.get(kind)
        if reduce is not None:
            return reduce(thing)
        if kind is types.FunctionType:
            return self._function(thing)
        if kind is types.CellType:
            return self._cell(thing)
        if isinstance(thing, type):
            return self._class(thing)
        name = self._name_in_module(thing)
        if name is not None:
            return getattr, (sys.modules[kind.__module__], name)
        if isinstance(thing, BaseException):
            return reducers.exception(thing)
        if isinstance(thing, enum.Enum):
            return self._member(thing)
        if isinstance(thing, weakref.ref):
            return reducers.weak_reference(thing)
        refuse(thing)
        if kind is find_loaded("numpy", "ndarray"):
            return reducers.array(thing)
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
        if is_found(kind):
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
        own_new = () if isinstance(kind, enum.EnumMeta) else ("__new__",)
        for name in ("__module__", "__slots__", "__orig_bases__", *own_new):
            if name in own:
                names[name] = own.pop(name)
        names.setdefault("__module__", None)
        state = own, [each for each in registered if each is not None]
        skeleton = type(kind), kind.__name__, kind.__bases__, names
        return rebuild.make_class, skeleton, state, None, None, rebuild.fill_class

    def _function(self, function):
        if is_found(function):
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
        if is_found(kind):
            return NotImplemented
        _, made_of, *_ = object.__reduce_ex__(member, 4)
        arguments = kind._member_type_, *made_of
        return rebuild.make_member, arguments, vars(member), None, None, rebuild.fill_member


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
