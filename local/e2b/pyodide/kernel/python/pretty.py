"""Values as IPython shows them: a long list with an item a line, a class and a function by its full name."""

import io

from .layout import Layout
from .printers import by_type, print_object, print_repr

# The printers of classes that need not be there yet, by module and name.
by_name = {}


class RepresentationPrinter(Layout):
    """What `_repr_pretty_(p, cycle)` calls `p`."""

    def __init__(self, output, verbose=False, max_width=79, newline="\n", *_ignored, max_seq_length=1000):
        super().__init__(output, max_width, newline, max_seq_length)
        self.verbose = verbose
        self.stack = []

    def pretty(self, value):
        """Print a value that is part of another."""
        cycle = id(value) in self.stack
        self.stack.append(id(value))
        self.begin_group()
        try:
            _printer_of(value)(value, self, cycle)
        finally:
            self.end_group()
            self.stack.pop()

    def _enumerate(self, values):
        for index, value in enumerate(values):
            if self.max_seq_length and index >= self.max_seq_length:
                self.text(",")
                self.breakable()
                self.text("...")
                return
            yield index, value


def pretty(value, verbose=False, max_width=79, newline="\n", max_seq_length=1000):
    """A value as text."""
    output = io.StringIO()
    printer = RepresentationPrinter(output, verbose, max_width, newline, max_seq_length=max_seq_length)
    printer.pretty(value)
    printer.flush()
    return output.getvalue()


def pprint(value, *options, **named):
    """Print a value."""
    print(pretty(value, *options, **named))


def for_type(cls, printer):
    """Have the values of a class printed by `printer(value, p, cycle)`; returns the printer before."""
    before = by_type.get(cls)
    if printer is not None:
        by_type[cls] = printer
    return before


def for_type_by_name(module, name, printer):
    """The same for a class that need not be there yet."""
    before = by_name.get((module, name))
    if printer is not None:
        by_name[module, name] = printer
    return before


def _printer_of(value):
    if value is None or value is Ellipsis or value is NotImplemented:
        return print_repr
    kind = type(value)
    # A class of the old kind need not have one.
    for cls in getattr(kind, "__mro__", (kind,)):
        found = by_type.get(cls) or by_name.get((cls.__dict__.get("__module__"), cls.__name__))
        if found is not None:
            return found
        if "_repr_pretty_" in cls.__dict__:
            method = cls._repr_pretty_
            if callable(method):
                return method
        if cls is not object and callable(cls.__dict__.get("__repr__")):
            return print_repr
    return print_object
