"""The magics: functions that cells call as `%name line`, or with what follows as `%%name line`."""

import re

from . import namespace

LINE = {}
CELL = {}

# IPython's that have no sense here, or no place in what E2B shows.
_ABSENT = frozenset(
    "alias alias_magic autoawait autocall automagic autosave bookmark colors conda config connect_info debug dhist "
    "dirs doctest_mode edit gui load logoff logon logstart logstate logstop macro notebook page pastebin pdb pdef "
    "pdoc pfile popd precision prun psearch psource pushd pycat pylab qtconsole quickref recall rehashx rerun rm save store tb "
    "unalias xdel xmode uv mamba micromamba".split()
)


class UsageError(Exception):
    """Told in one line, without a traceback."""


def line(*names, expands=True):
    """Make a function of the line a line magic; `{x}` and `$x` in the line become values if it `expands`."""

    def register(function):
        LINE.update(dict.fromkeys(names, function))
        if not expands:
            _literal.update(names)
        return function

    return register


def cell(*names):
    """Make a function of the line and the body a cell magic."""

    def register(function):
        CELL.update(dict.fromkeys(names, function))
        return function

    return register


_literal = set()


def run_line(name, text):
    """Run a line magic."""
    function = _found(name, LINE, "Line magic function", "%", CELL, "cell magic", "%%")
    return function(text if name in _literal else expand(text))


def run_cell(name, text, body):
    """Run a cell magic."""
    return _found(name, CELL, "Cell magic", "%%", LINE, "line magic", "%")(text, body)


def _found(name, magics, kind, sign, others, other_kind, other_sign):
    if name in magics:
        return magics[name]
    if name in _ABSENT and name not in others:
        raise UsageError(f"{sign}{name} is not in the kernel of this sandbox.")
    hint = f" (But {other_kind} `{other_sign}{name}` exists, did you mean that instead?)" if name in others else ""
    raise UsageError(f"{kind} `{sign}{name}` not found{hint}.")


def expand(text):
    """Text with the values of `{expressions}` and `$variables` in it; those that have none stay."""

    def value(match):
        try:
            return str(eval(match[1] or match[2], namespace.variables))
        except Exception:
            return match[0]

    return re.sub(r"\{([^{}]+)\}|\$([^\W\d]\w*)", value, text)


def options(text, known):
    """The leading `-x` options of a line, by letter, and its rest; `known` is like getopt's."""
    found = {}
    while match := re.match(r"-([a-zA-Z])\s*", text):
        letter, text = match[1], text[match.end() :]
        at = known.find(letter)
        if at == -1:
            raise UsageError(f"option -{letter} not recognized")
        found[letter] = True
        if known[at + 1 : at + 2] == ":":
            found[letter], _, text = text.partition(" ")
            text = text.lstrip()
    return found, text
