"""What a fresh Python has by its name, as it came."""

import sys
import types

# What it finds there as this one did.
_SYSTEM = "/usr/"
_OWN = __name__.partition(".")[0]


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


def is_found(thing):
    """Whether a class or function is what a fresh Python has by its name."""
    module = sys.modules.get(thing.__module__)
    if not is_system(module):
        return False
    found = module
    for name in thing.__qualname__.split("."):
        # Not getattr: a class method is another one each time.
        found = vars(found).get(name) if isinstance(found, (type, types.ModuleType)) else None
    return found is thing


def is_named(thing):
    """The same of something else that knows its module and its name."""
    module = sys.modules.get(thing.__module__)
    return is_system(module) and vars(module).get(thing.__name__) is thing
