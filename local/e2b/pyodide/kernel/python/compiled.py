"""Code of cells as Python has it compiled: what runs, and the expression at its end whose value is shown."""

import ast
import contextlib
import io
import linecache
import tokenize
import zlib

from . import failure, namespace

# Python says then "incomplete input" of what ends too early, as IPython has it do.
_ALLOW_INCOMPLETE_INPUT = 0x4000
_DONT_IMPLY_DEDENT = 0x200


def compile_cell(code, awaits):
    """The two as code objects, of which the second may be None; raises SyntaxError."""
    # Jupyter's file names look like this, and users see them in the text of
    # a SyntaxError.
    filename = f"/tmp/ipykernel_1/{zlib.crc32(code.encode('utf-8', 'replace'))}.py"
    failure.cell_numbers[filename] = namespace.count
    # No mtime: otherwise linecache drops it, as there is no such file.
    linecache.cache[filename] = (len(code), None, code.splitlines(True), filename)
    tree = _parse(code, filename)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if awaits else 0
    return (
        compile(tree, filename, "exec", flags, dont_inherit=True),
        last and compile(last, filename, "eval", flags, dont_inherit=True),
    )


def _parse(code, filename):
    try:
        return ast.parse(code, filename)
    except SyntaxError:
        flags = ast.PyCF_ONLY_AST | _ALLOW_INCOMPLETE_INPUT | _DONT_IMPLY_DEDENT
        compile(f"{code}\n", filename, "exec", flags, dont_inherit=True)
        raise


def run_now(code):
    """Run code that does not await, as a part of the cell that runs; returns the last value."""
    body, last = compile_cell(code, awaits=False)
    exec(body, namespace.variables)
    return None if last is None else eval(last, namespace.variables)


def ends_silently(code):
    """Whether the last token is a semicolon: IPython then shows no value."""
    last = None
    with contextlib.suppress(tokenize.TokenError, SyntaxError):
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.OP or token.string.strip():
                if token.type != tokenize.COMMENT:
                    last = token.string
    return last == ";"
