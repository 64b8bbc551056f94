"""IPython's own syntax as Python: `%magic`, `%%magic`, `!command`, `name = %magic` and `name?` become calls."""

import ast
import builtins
import re

from . import magic, namespace

_CELL_MAGIC = re.compile(r"%%(?P<name>\w+\S*|!)(?P<line>[^\n]*)(?:\n|$)")
_ESCAPED = re.compile(r"(?P<indent>\s*)(?:%(?P<name>\w+\S*)[ \t]*|(?P<shell>!!?))(?P<line>.*)", re.DOTALL)
_ASSIGNED = re.compile(
    r"(?P<indent>\s*)(?P<target>[^\W\d][\w.,\s\[\]'\"*]*?)\s*=\s*(?:%(?P<name>\w+\S*)[ \t]*|(?P<shell>!))(?P<line>.*)",
    re.DOTALL,
)
_HELP = re.compile(r"(?P<indent>\s*)(?:(?P<before>\?{1,2})\s*)?(?P<name>%{0,2}[\w.*]+)?(?P<after>\?{0,2})\s*;?\s*")
_STRING = re.compile(r"(?i:[rbuft]{0,2})('''|\"\"\"|'|\")")
_BARE = re.compile(r"(?P<name>\w+)(?P<rest>(?:[ \t]+(?![=,]).*)?)")


def translate(code):
    """A cell in Python. What is Python already is left alone."""
    if match := _CELL_MAGIC.match(code):
        return f"get_ipython().run_cell_magic({match['name']!r}, {match['line'].strip()!r}, {code[match.end() :]!r})\n"
    bare = code.strip()
    if "\n" not in bare and (match := _BARE.fullmatch(bare)) and _is_bare_magic(match["name"]):
        return _magic_call("", match["name"], match["rest"])
    try:
        ast.parse(code)
        return code
    except (SyntaxError, ValueError):
        return "".join(_translate_line(line) for line in _logical_lines(code))


def _is_bare_magic(name):
    return name in magic.LINE and name not in namespace.variables and not hasattr(builtins, name)


def _translate_line(line):
    ending = line[len(line.rstrip("\n")) :]
    text = line[: len(line) - len(ending)]
    if "?" in text and (match := _HELP.fullmatch(text)) and (match["before"] or match["after"]):
        if match["name"] is None:
            # IPython's introduction goes to a pager, which nobody sees here.
            return f"{match['indent']}None;{ending}"
        detail = "pinfo2" if "??" in (match["before"], match["after"]) else "pinfo"
        return _magic_call(match["indent"], detail, match["name"]) + ending
    if match := _ESCAPED.fullmatch(text):
        return _call(match["indent"], match) + ending
    if match := _ASSIGNED.fullmatch(text):
        return _call(f"{match['indent']}{match['target']} = ", match) + ending
    return line


def _call(before, match):
    line = re.sub(r"\\\n\s*", "", match["line"])
    if match["name"] is not None:
        return _magic_call(before, match["name"], line)
    name = "getoutput" if "=" in before or match["shell"] == "!!" else "system"
    return f"{before}get_ipython().{name}({line!r})"


def _magic_call(before, name, line):
    return f"{before}get_ipython().run_line_magic({name!r}, {line.strip()!r})"


def _logical_lines(code):
    """The lines of a cell, with those together that are in one string, in brackets or end with a backslash."""
    start = at = depth = 0
    while at < len(code):
        if at == start and _ESCAPED.match(code, at) and code[at:].lstrip(" \t")[:1] in ("%", "!"):
            # Not Python: a quote in it begins no string.
            at = _end_of_line(code, at)
            yield code[start:at]
            start = at
            continue
        character = code[at]
        if character == "#":
            at = code.find("\n", at) if "\n" in code[at:] else len(code)
        elif character in "'\"" or (character in "rRbBuUfFtT" and _begins_string(code, at)):
            at = _end_of_string(code, at)
        else:
            depth += (character in "([{") - (character in ")]}")
            at += 2 if character == "\\" else 1
            if character == "\n" and depth <= 0:
                yield code[start:at]
                start, depth = at, 0
            elif character == "=" and depth <= 0 and _ASSIGNED.match(code[start : _end_of_line(code, at)]):
                at = _end_of_line(code, at)
                yield code[start:at]
                start = at
    if start < len(code):
        yield code[start:]


def _end_of_line(code, at):
    while True:
        end = code.find("\n", at)
        if end == -1:
            return len(code)
        if code[end - 1] != "\\":
            return end + 1
        at = end + 1


def _begins_string(code, at):
    return _STRING.match(code, at) is not None and not (at and (code[at - 1].isalnum() or code[at - 1] == "_"))


def _end_of_string(code, at):
    opening = _STRING.match(code, at)
    at = opening.end()
    while at < len(code):
        if code[at] == "\\":
            at += 2
        elif code.startswith(opening[1], at):
            return at + len(opening[1])
        elif code[at] == "\n" and len(opening[1]) == 1:
            # It never ends, which Python says best.
            return at
        else:
            at += 1
    return at
