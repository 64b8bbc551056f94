"""`%%capture`, and the magics whose body is shown instead of run."""

import contextlib
import io
import sys

from . import display, displayables, magic, namespace
from .compiled import ends_silently, run_now
from .syntax import translate


class RichOutput:
    """One result that was kept back."""

    __module__ = "IPython.utils.capture"

    def __init__(self, data=None, metadata=None, transient=None, update=False):
        self.data, self.metadata = data or {}, metadata or {}

    def _repr_mimebundle_(self, include=None, exclude=None):
        return self.data

    def display(self):
        """Show it after all."""
        display.publish(dict(self.data), is_main_result=False)


class CapturedIO:
    """What a block said and showed."""

    __module__ = "IPython.utils.capture"

    def __init__(self, stdout=None, stderr=None, outputs=None):
        self._stdout, self._stderr, self._bundles = stdout, stderr, outputs

    def __str__(self):
        return self.stdout

    @property
    def stdout(self):
        """What it printed."""
        return self._stdout.getvalue() if self._stdout else ""

    @property
    def stderr(self):
        """What it printed to stderr."""
        return self._stderr.getvalue() if self._stderr else ""

    @property
    def outputs(self):
        """What it showed."""
        return [RichOutput(data) for data in self._bundles or ()]

    def show(self):
        """Say and show all of it after all."""
        sys.stdout.write(self.stdout)
        sys.stderr.write(self.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        for each in self.outputs:
            each.display()

    __call__ = show


@contextlib.contextmanager
def capture_output(stdout=True, stderr=True, display=True):
    """Keep back what a block says and shows."""
    captured = CapturedIO(io.StringIO() if stdout else None, io.StringIO() if stderr else None, [] if display else None)
    with contextlib.ExitStack() as stack:
        if stdout:
            stack.enter_context(contextlib.redirect_stdout(captured._stdout))
        if stderr:
            stack.enter_context(contextlib.redirect_stderr(captured._stderr))
        if display:
            stack.enter_context(_kept_back(captured._bundles))
        yield captured


@contextlib.contextmanager
def _kept_back(bundles):
    display.captures.append(bundles)
    try:
        yield
    finally:
        display.captures.remove(bundles)


@magic.cell("capture")
def _capture(line, body):
    words = line.split()
    wanted = {name: f"--no-{name}" not in words for name in ("stdout", "stderr", "display")}
    names = [word for word in words if not word.startswith("--no-")]
    with capture_output(**wanted) as captured:
        try:
            value = run_now(translate(body))
            if value is not None and not ends_silently(body):
                display.show_result(value)
        finally:
            if names:
                namespace.variables[names[0]] = captured


def _rendered(cls):
    def render(_line, body):
        display.display(cls(body))

    return render


for _names, _cls in (
    (("html", "HTML"), displayables.HTML),
    (("markdown",), displayables.Markdown),
    (("latex",), displayables.Latex),
    (("svg", "SVG"), displayables.SVG),
    (("javascript", "js"), displayables.Javascript),
):
    magic.cell(*_names)(_rendered(_cls))
