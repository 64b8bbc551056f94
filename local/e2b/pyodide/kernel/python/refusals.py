"""What IPython hands to a shell, to pip or to its own extensions: said in words, because none of them is here."""

import importlib
import importlib.metadata
import importlib.util
import re
import sys

from . import magic, packages

_NO_SHELL = (
    "this kernel has no shell: it runs Python alone. Use Python's own functions (os, pathlib, shutil), or the "
    "sandbox's commands.run where that is supported."
)


def no_shell(command):
    """Refuse a command, unless it is pip's or has a magic of its own."""
    words = command.split()
    if words[:1] in (["pip"], ["pip3"]):
        return _pip(" ".join(words[1:]))
    if words[:2] in (["python", "-m"], ["python3", "-m"]) and words[2:3] == ["pip"]:
        return _pip(" ".join(words[3:]))
    raise magic.UsageError(f"!{command.strip()}: {_NO_SHELL}")


@magic.line("sx", "system", "killbgscripts")
def _system(line):
    no_shell(line)


@magic.cell("bash", "sh", "script", "!", "sx", "system", "perl", "ruby", "pypy", "python", "python2", "python3")
def _script(_line, _body):
    raise magic.UsageError(f"a cell for another program: {_NO_SHELL}")


@magic.line("pip")
def _pip(line):
    verb, *words = line.split() or ["help"]
    if verb in ("list", "freeze"):
        for each in sorted(importlib.metadata.distributions(), key=lambda each: each.name.lower()):
            print(f"{each.name}=={each.version}" if verb == "freeze" else f"{each.name} {each.version}")
        return
    names = [re.split(r"[\[<>=!~; ]", word)[0] for word in words if not word.startswith("-")]
    missing = [name for name in names if not packages.is_there(name)]
    if verb == "install" and names and not missing:
        for name in names:
            print(f"Requirement already satisfied: {name}")
        return
    raise magic.UsageError(f"%pip {line}: {packages.words(missing)}")


@magic.line("load_ext", "reload_ext")
def _load_ext(line):
    if line == "autoreload":
        print(_NO_RELOAD, file=sys.stderr)
        return
    module = importlib.import_module(line)
    if not hasattr(module, "load_ipython_extension"):
        print(f"The {line} module is not an IPython extension.")
        return
    from .shell import get_ipython

    module.load_ipython_extension(get_ipython())


@magic.line("unload_ext")
def _unload_ext(line):
    print(f"The {line} extension is not loaded.")


_NO_RELOAD = "autoreload is not in the kernel of this sandbox: use importlib.reload(module)."


@magic.line("autoreload", "aimport")
def _autoreload(_line):
    print(_NO_RELOAD, file=sys.stderr)


@magic.line("matplotlib")
def _matplotlib(line):
    if line not in ("", "inline", "agg", "auto", "notebook", "widget", "ipympl", "--list", "-l"):
        raise magic.UsageError(f"%matplotlib {line}: figures of this sandbox are shown inline.")


@magic.line("config")
def _config(line):
    # Notebooks begin with a wish for sharper figures.
    if not line.startswith("InlineBackend"):
        raise magic.UsageError("%config: nothing can be configured in the kernel of this sandbox.")
