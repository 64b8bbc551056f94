"""How IPython shows the values of Python's own classes."""

import collections
import contextlib
import datetime
import inspect
import os
import re
import types


def print_repr(value, p, _cycle):
    """By its repr(), whose lines stay lines."""
    lines = repr(value).splitlines()
    with p.group():
        for index, line in enumerate(lines):
            if index:
                p.break_()
            p.text(line)


def print_object(value, p, cycle):
    """By its class and where it is, if it has no repr() of its own."""
    if type(value).__repr__ is not object.__repr__:
        return print_repr(value, p, cycle)
    p.begin_group(1, "<")
    p.pretty(type(value))
    p.text(f" at 0x{id(value):x}")
    if cycle:
        p.text(" ...")
    p.end_group(1, ">")


def _container(base, opening, closing, print_content, recursive=None, empty=None):
    """Of `base` and of the classes made of it that have no repr() of their own."""

    def print_container(value, p, cycle):
        if type(value) is not base and type(value).__repr__ is not base.__repr__:
            return p.text(repr(value))
        if cycle:
            return p.text(recursive or f"{opening}...{closing}")
        if empty and not value:
            return p.text(empty)
        with p.group(len(opening), opening, closing):
            print_content(value, p)

    return print_container


def _print_items(values, p):
    for index, value in p._enumerate(values):
        if index:
            p.text(",")
            p.breakable()
        p.pretty(value)


def _print_tuple(value, p):
    _print_items(value, p)
    if len(value) == 1:
        p.text(",")


def _print_members(value, p):
    is_long = p.max_seq_length and len(value) >= p.max_seq_length
    _print_items(value if is_long else _sorted(value), p)


def _sorted(values):
    try:
        return sorted(values)
    except Exception:
        # They do not compare.
        return sorted(values, key=str)


def _print_pairs(value, p):
    for index, key in p._enumerate(value):
        if index:
            p.text(",")
            p.breakable()
        p.pretty(key)
        p.text(": ")
        p.pretty(value[key])


def _call(arguments, name_of=lambda value: type(value).__name__):
    """As a call of the class that would make the value."""

    def print_call(value, p, cycle):
        name = name_of(value)
        # The outer group is one that IPython has; without it other values than there would be broken first.
        with p.group(), p.group(len(name) + 1, f"{name}(", ")"):
            if cycle:
                return p.text("...")
            for index, (keyword, argument) in enumerate(arguments(value)):
                if index:
                    p.text(",")
                    p.breakable()
                prefix = "" if keyword is None else f"{keyword}="
                with p.group(len(prefix), prefix) if prefix else contextlib.nullcontext():
                    p.pretty(argument)

    return print_call


def _name_of_namespace(value):
    return "namespace" if type(value) is types.SimpleNamespace else type(value).__name__


def _deque_arguments(value):
    return [(None, list(value)), *([] if value.maxlen is None else [("maxlen", value.maxlen)])]


def _print_mappingproxy(value, p, _cycle):
    with p.group(len("mappingproxy("), "mappingproxy(", ")"):
        p.pretty(dict(value))


class _Verbatim:
    """An argument that is shown as this text."""

    def __init__(self, text):
        self.text = text

    def _repr_pretty_(self, p, _cycle):
        p.text(self.text)


def _pattern_arguments(value):
    flags = [f"re.{flag.name}" for flag in sorted(re.RegexFlag, key=lambda flag: flag.name) if flag & value.flags]
    texts = [f"r{value.pattern!r}", *(["|".join(flags)] if flags else [])]
    return [(None, _Verbatim(text)) for text in texts]


def _print_super(value, p, _cycle):
    with p.group(8, "<super: ", ">"):
        p.pretty(value.__thisclass__)
        p.text(",")
        p.breakable()
        p.pretty(value.__self__)


def _print_class(value, p, cycle):
    if type(value).__repr__ is not type.__repr__:
        return print_repr(value, p, cycle)
    module = getattr(value, "__module__", None)
    name = getattr(value, "__qualname__", None) or value.__name__
    p.text(name if module in (None, "builtins", "exceptions") else f"{module}.{name}")


def _print_function(value, p, _cycle):
    name = getattr(value, "__qualname__", None) or value.__name__
    module = value.__module__
    if module and module not in ("builtins", "exceptions"):
        name = f"{module}.{name}"
    try:
        name += str(inspect.signature(value))
    except ValueError:
        # Some of those that are built in tell none.
        pass
    p.text(f"<function {name}>")


def _name_of_exception(value):
    cls = type(value)
    return cls.__qualname__ if cls.__module__ in ("builtins", "exceptions") else f"{cls.__module__}.{cls.__qualname__}"


def _exception_arguments(value):
    return [(None, argument) for argument in getattr(value, "args", ())]


# By class. Those that cells register are in here, too.
by_type = {
    **dict.fromkeys((int, float, str, range, slice, bytes, datetime.datetime, datetime.timedelta), print_repr),
    types.MethodType: print_repr,
    tuple: _container(tuple, "(", ")", _print_tuple),
    list: _container(list, "[", "]", _print_items),
    dict: _container(dict, "{", "}", _print_pairs),
    set: _container(set, "{", "}", _print_members, empty="set()"),
    frozenset: _container(frozenset, "frozenset({", "})", _print_members, empty="frozenset()"),
    type(os.environ): _container(type(os.environ), "environ{", "}", _print_pairs, recursive="{...}"),
    types.SimpleNamespace: _call(lambda value: vars(value).items(), _name_of_namespace),
    types.MappingProxyType: _print_mappingproxy,
    types.FunctionType: _print_function,
    types.BuiltinFunctionType: _print_function,
    type: _print_class,
    super: _print_super,
    re.Pattern: _call(_pattern_arguments, lambda _value: "re.compile"),
    BaseException: _call(_exception_arguments, _name_of_exception),
    collections.defaultdict: _call(lambda value: [(None, value.default_factory), (None, dict(value))]),
    collections.Counter: _call(lambda value: [(None, dict(value))] if value else []),
    collections.OrderedDict: _call(lambda value: [(None, list(value.items()))] if value else []),
    collections.deque: _call(_deque_arguments),
    collections.UserList: _call(lambda value: [(None, value.data)]),
}
