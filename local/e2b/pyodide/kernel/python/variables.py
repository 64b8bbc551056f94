"""The magics that list what there is: variables, the cells so far, and magics."""

import re

from . import magic, namespace

_SHOWN = 25


@magic.line("who_ls")
def _names(line):
    kinds = line.split()
    return [name for name, value in namespace.mine().items() if not kinds or type(value).__name__ in kinds]


def _names_or_word(line):
    """Those that are asked for; where there are none, says so."""
    names = _names(line)
    if not names:
        print("No variables match your requested type." if line else "Interactive namespace is empty.")
    return names


@magic.line("who")
def _who(line):
    names = _names_or_word(line)
    for start in range(0, len(names), 10):
        print("".join(f"{name}\t " for name in names[start : start + 10]))


@magic.line("whos")
def _whos(line):
    names = _names_or_word(line)
    if not names:
        return
    kinds = {name: type(namespace.variables[name]).__name__ for name in names}
    wide = max(len("Variable"), *map(len, names)) + 3
    kind_wide = max(len("Type"), *map(len, kinds.values())) + 4
    print(f"{'Variable':<{wide}}{'Type':<{kind_wide}}Data/Info")
    print("-" * (wide + kind_wide + len("Data/Info")))
    for name in names:
        print(f"{name:<{wide}}{kinds[name]:<{kind_wide}}{_summary(namespace.variables[name])}")


def _summary(value):
    if isinstance(value, (dict, list, tuple)):
        return f"n={len(value)}"
    try:
        text = str(value).replace("\n", "\\n")
    except Exception:
        return "<object with id %d (str() failed)>" % id(value)
    return text if len(text) <= 2 * _SHOWN else f"{text[:_SHOWN]}<...>{text[-_SHOWN:]}"


@magic.line("reset")
def _reset(line):
    if "-f" not in line.split():
        # Asks, as IPython does, which nobody can answer.
        input("Once deleted, variables cannot be recovered. Proceed (y/[n])? ")
    namespace.reset()


@magic.line("reset_selective")
def _reset_selective(line):
    chosen, pattern = magic.options(line, "f")
    if "f" not in chosen:
        input("Once deleted, variables cannot be recovered. Proceed (y/[n])?  ")
    for name in namespace.mine():
        if re.search(pattern, name):
            del namespace.variables[name]


@magic.line("history", "hist")
def _history(line):
    numbered = "-n" in line.split()
    for number, code in enumerate(namespace.inputs(), 1):
        code = code.rstrip("\n")
        print(f"{number:>4}:{'\n' if '\n' in code else ' '}{code}" if numbered else code)


@magic.line("lsmagic")
def _lsmagic(_line):
    class Magics:
        def _repr_pretty_(self, p, _cycle):
            p.text("Available line magics:\n" + "  ".join(f"%{name}" for name in sorted(magic.LINE)))
            p.text("\n\nAvailable cell magics:\n" + "  ".join(f"%%{name}" for name in sorted(magic.CELL)))

    return Magics()


@magic.line("pinfo", "pinfo2")
def _pinfo(line):
    """Says of what only that it is missing: IPython's help goes to a pager, which E2B does not show."""
    name, *more = line.lstrip("%").split(".")
    if name in magic.LINE or name in magic.CELL or "*" in line:
        return
    try:
        value = eval(name, namespace.variables)
        for each in more:
            value = getattr(value, each)
    except Exception:
        print(f"Object `{line}` not found.")
