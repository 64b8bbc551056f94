"""What `get_ipython()` returns, and the modules of IPython that cells import."""

import builtins
import sys
import types

from . import capture, display, displayables, links, magic, media, namespace, pretty, refusals
from . import file_magics, timing, variables  # noqa: F401, each has magics
from .compiled import run_now
from .syntax import translate


class ZMQInteractiveShell:
    """As much of IPython's shell as code asks for."""

    __module__ = "ipykernel.zmqshell"

    # Libraries look in here for whether they may draw widgets, which nobody would see.
    config = types.MappingProxyType({})
    user_module = namespace.module
    user_ns = namespace.variables

    @property
    def execution_count(self):
        """The number of the cell that runs."""
        return namespace.count

    def run_line_magic(self, magic_name, line, _stack_depth=1):
        """Run `%magic_name line`."""
        return magic.run_line(magic_name, line)

    def run_cell_magic(self, magic_name, line, cell):
        """Run `%%magic_name line` with what is below it."""
        return magic.run_cell(magic_name, line, cell)

    def magic(self, text):
        """Run a line magic."""
        name, _, line = text.lstrip("%").partition(" ")
        return magic.run_line(name, line)

    def run_cell(self, raw_cell, *_options, **_named):
        """Run code as a part of the cell that runs, and show its last value."""
        value = run_now(translate(raw_cell))
        if value is not None:
            display.show_result(value)

    def ev(self, expression):
        """Evaluate an expression."""
        return eval(expression, namespace.variables)

    def ex(self, code):
        """Run statements."""
        exec(code, namespace.variables)

    def push(self, variables, interactive=True):
        """Set variables."""
        namespace.variables.update(variables)

    def system(self, cmd):
        """Refuse: there is no shell."""
        refusals.no_shell(cmd)

    def getoutput(self, cmd, split=True, depth=0):
        """Refuse: there is no shell."""
        refusals.no_shell(cmd)

    def register_magic_function(self, func, magic_kind="line", magic_name=None):
        """Make a function a magic."""
        kinds = {"line": (magic.line,), "cell": (magic.cell,), "line_cell": (magic.line, magic.cell)}[magic_kind]
        for kind in kinds:
            kind(magic_name or func.__name__)(func)

    def set_next_input(self, text, replace=False):
        """Do nothing: no one would see it."""


_shell = ZMQInteractiveShell()


def get_ipython():
    """The shell."""
    return _shell


def _register(*kinds):
    def register(function):
        for kind in kinds:
            kind(function.__name__)(function)
        return function

    return register


def _modules():
    shown = [
        *(displayables.DisplayObject, displayables.TextDisplayObject, displayables.Pretty, displayables.HTML),
        *(displayables.Markdown, displayables.Latex, displayables.Math, displayables.SVG, displayables.JSON),
        *(displayables.GeoJSON, displayables.Javascript, displayables.Code),
        *(media.Image, media.Video, media.Audio, links.IFrame, links.YouTubeVideo, links.VimeoVideo),
        *(links.FileLink, links.FileLinks),
        *(display.DisplayHandle, display.display, display.update_display, display.clear_output),
        display.publish_display_data,
    ]
    names = {each.__name__: each for each in shown}
    for name, mime in {
        "html": "text/html",
        "markdown": "text/markdown",
        "latex": "text/latex",
        "svg": "image/svg+xml",
        "png": "image/png",
        "jpeg": "image/jpeg",
        "pdf": "application/pdf",
        "json": "application/json",
        "javascript": "application/javascript",
    }.items():
        names[f"display_{name}"] = display.of_type(mime)
    names["display_pretty"] = display.of_type("text/plain")
    captured = {"capture_output": capture.capture_output, "CapturedIO": capture.CapturedIO}
    printing = ("pretty", "pprint", "RepresentationPrinter", "for_type", "for_type_by_name")
    return {
        "IPython": {"get_ipython": get_ipython, "version_info": (9, 0, 0, ""), "__version__": "9.0.0"},
        "IPython.display": names,
        "IPython.core": {},
        "IPython.core.display": names,
        "IPython.core.display_functions": names,
        "IPython.core.getipython": {"get_ipython": get_ipython},
        "IPython.core.error": {"UsageError": magic.UsageError},
        "IPython.core.magic": {
            "register_line_magic": _register(magic.line),
            "register_cell_magic": _register(magic.cell),
            "register_line_cell_magic": _register(magic.line, magic.cell),
        },
        "IPython.core.interactiveshell": {"InteractiveShell": ZMQInteractiveShell},
        "IPython.lib": {},
        "IPython.lib.display": names,
        "IPython.lib.pretty": {name: getattr(pretty, name) for name in printing},
        "IPython.utils": {},
        "IPython.utils.capture": captured,
        "IPython.utils.io": captured,
    }


def install():
    """Offer all of it to every cell."""
    for name, contents in _modules().items():
        module = types.ModuleType(name)
        vars(module).update(contents)
        # Makes it a package, of which others can be imported.
        module.__path__ = []
        sys.modules[name] = module
        package, _, last = name.rpartition(".")
        if package:
            setattr(sys.modules[package], last, module)
    builtins.display = display.display
    builtins.get_ipython = get_ipython
    sys.displayhook = display.displayhook
    leave = builtins.exit
    namespace.give(get_ipython=get_ipython, exit=leave, quit=leave)
