"""The variables of all cells, and what they are told of those before: `In`, `Out`, `_`, `_i` and the like."""

import builtins
import types

MAX_KEPT_RESULTS = 1000

module = types.ModuleType("__main__")
variables = module.__dict__
count = 0

_inputs = [""]
_results = {}
# What `_`, `__` and `___` were last set to: one that a cell has set to something else is the cell's from then on.
_last = ("", "", "")
_raw_inputs = [""]
# Names that are no variables of the user's.
_given = set()


def reset():
    """Forget all variables and results, but not the count."""
    global _last
    own = {name: variables.get(name) for name in _given}
    variables.clear()
    variables.update(own)
    variables.update(__name__="__main__", __builtins__=builtins)
    _results.clear()
    _last = ("", "", "")
    variables.update(
        In=_inputs, Out=_results, _ih=_inputs, _oh=_results, _dh=[], _="", __="", ___="", _i="", _ii="", _iii=""
    )


def give(**values):
    """Set variables that every kernel has from its start."""
    _given.update(values)
    variables.update(values)


def mine():
    """The variables that cells have made, by name, in order."""
    hidden = {"In", "Out", *_given}
    return {
        name: value for name, value in sorted(variables.items()) if not name.startswith("_") and name not in hidden
    }


def begin(raw, code):
    """Count a cell; `code` is what `raw` was translated to."""
    global count
    count += 1
    while len(_inputs) < count:
        # One that only a silent cell could have skipped.
        _inputs.append("")
    variables.update(
        _i=_raw_inputs[-1],
        _ii=_raw_inputs[-2] if len(_raw_inputs) > 1 else "",
        _iii=_raw_inputs[-3] if len(_raw_inputs) > 2 else "",
    )
    _inputs.append(code)
    _raw_inputs.append(raw)
    variables[f"_i{count}"] = raw


def inputs():
    """The cells so far as they were written, from the first one on."""
    return _raw_inputs[1:]


def keep(value):
    """Make a value the last result."""
    global _last
    if value is _results:
        return
    if len(_results) >= MAX_KEPT_RESULTS:
        for number in list(_results)[: MAX_KEPT_RESULTS // 5]:
            _results.pop(number, None)
            variables.pop(f"_{number}", None)
    names = ("_", "__", "___")
    is_ours = all(name not in variables or variables[name] is last for name, last in zip(names, _last))
    # A translator of texts is called that, too.
    if is_ours and not hasattr(builtins, "_"):
        _last = (value, *_last[:2])
        variables.update(zip(names, _last))
    variables[f"_{count}"] = value
    _results[count] = value


reset()
