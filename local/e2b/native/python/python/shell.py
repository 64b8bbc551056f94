"""IPython without a terminal: what it shows leaves as messages."""

import asyncio
import builtins
import functools
import os
import signal
import sys
import types
import zlib

from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

from . import charts, output, results, tables

# Jupyter's kernel sets it, too: figures are shown as pictures.
_BACKEND = "module://matplotlib_inline.backend_inline"


class _Hook(DisplayHook):
    """Shows the value that a cell ends with."""

    def write_output_prompt(self):
        pass

    def write_format_data(self, format_dict, md_dict=None):
        results.send(format_dict, True)

    def finish_displayhook(self):
        self._is_active = False


class _Publisher(DisplayPublisher):
    """Shows what a cell displays."""

    def publish(self, data, metadata=None, source=None, *, transient=None, update=False, **_more):
        results.send(data, False)

    def clear_output(self, wait=False):
        pass


class _Compiler(CachingCompiler):
    """Names cells as ipykernel does: errors of syntax are told with the name."""

    def get_code_name(self, raw_code, code, number):
        return f"/tmp/ipykernel_{os.getpid()}/{zlib.crc32(raw_code.encode('utf-8', 'replace'))}.py"


class Shell(InteractiveShell):
    compiler_class = Type(_Compiler)
    displayhook_class = Type(_Hook)
    display_pub_class = Type(_Publisher)

    _task = None
    _flushing = None
    _is_running = False
    _is_interrupted = False
    # By an interrupt that found no code of the cell to raise in.
    _owes_interrupt = False
    _has_failed = False
    _ends = False

    def init_hooks(self):
        super().init_hooks()
        self.show_rewritten_input = False

    def enable_gui(self, gui=None):
        pass

    def init_completer(self):
        """Later, if ever: what it imports takes a fifth of a kernel's start, and nobody types here."""

    @functools.cached_property
    def Completer(self):  # noqa: N802
        super().init_completer()
        return vars(self)["Completer"]

    def ask_exit(self):
        self._ends = True

    def _interrupt_of(self, error):
        """A cell that awaits is cancelled, but that is not what was asked for."""
        is_meant = self._is_interrupted and isinstance(error, asyncio.CancelledError)
        return KeyboardInterrupt() if is_meant else error

    def _get_exc_info(self, exc_tuple=None):
        _, value, traceback = super()._get_exc_info(exc_tuple)
        value = self._interrupt_of(value)
        return type(value), value, traceback

    def _showtraceback(self, etype, evalue, stb):
        output.flush()
        self._has_failed = True
        try:
            value = str(evalue)
        except Exception:
            value = "<exception str() failed>"
        # E2B joins the list that Jupyter sends without newlines.
        output.send("error", name=etype.__name__, value=value, traceback="".join(stb))

    async def execute(self, number, code, silent):
        """Run one cell and send all it says. A silent one neither counts nor shows a value."""
        output.begin(number)
        if not silent:
            output.send("count", count=self.execution_count)
        # Again for each cell, as ipykernel does: one may have put its own in place.
        signal.signal(signal.SIGINT, self._on_interrupt)
        self._task = asyncio.current_task()
        self._is_interrupted = self._owes_interrupt = self._has_failed = False
        self._is_running = True
        self._flushing = asyncio.ensure_future(_flush_regularly())
        try:
            result = await self._run(code, silent)
            error = result.error_before_exec or result.error_in_exec
        except BaseException as raised:
            error = raised
        finally:
            self._is_running = False
            self._flushing.cancel()
        # An interrupt can hit IPython itself, while it tells of another error.
        if error is not None and not self._has_failed:
            error = self._interrupt_of(error)
            self._showtraceback(type(error), error, [f"{type(error).__name__}: {error}"])
        output.flush()
        if self._ends:
            output.send("exit")
        output.send("done")

    async def _run(self, code, silent):
        try:
            transformed, problem = self.transform_cell(code), None
        except Exception:
            transformed, problem = code, sys.exc_info()
        result = None
        try:
            result = await self.run_cell_async(
                code,
                store_history=not silent,
                silent=silent,
                transformed_cell=transformed,
                preprocessing_exc_tuple=problem,
            )
        finally:
            # Which `run_cell` does, and what it calls does not: figures are shown by then.
            self.events.trigger("post_execute")
            if not silent:
                self.events.trigger("post_run_cell", result)
        return result

    async def run_code(self, code_obj, result=None, *, async_=False):
        # One that came while the cell was compiled.
        if self._owes_interrupt:
            self._owes_interrupt = False
            code_obj, async_ = compile("raise KeyboardInterrupt", "<interrupt>", "exec"), False
        return await super().run_code(code_obj, result, async_=async_)

    def _on_interrupt(self, _number, frame):
        """Raise in a cell's code, or cancel one that awaits; between cells there is nothing to interrupt."""
        if not self._is_running or output.put_off(self._interrupt):
            return
        self._interrupt(frame)

    def _interrupt(self, frame):
        self._is_interrupted = True
        runs_code = (Shell.run_code.__code__, InteractiveShell.run_code.__code__)
        while frame is not None:
            if frame.f_code in runs_code:
                raise KeyboardInterrupt
            if frame.f_code is Shell._run.__code__:
                # No code of the cell's runs: `run_code` will see to it, unless that was the last.
                self._owes_interrupt = True
                return
            frame = frame.f_back
        # The loop waits, or runs a task that the cell, or one before it, began.
        self._task.cancel()
        if asyncio.current_task() not in (None, self._task, self._flushing):
            raise KeyboardInterrupt


async def _flush_regularly():
    # While a cell awaits, a line without its newline would stay in the buffer.
    while True:
        await asyncio.sleep(0.1)
        output.flush()


def make():
    """A shell whose namespace is `__main__`, with E2B's formats for what it shows."""
    os.environ.setdefault("MPLBACKEND", _BACKEND)
    user = types.ModuleType("__main__")
    user.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = user
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "NoColor"
    config.InteractiveShell.autoindent = False
    config.InteractiveShell.separate_in = ""
    shell = Shell.instance(config=config, user_module=user)
    json = shell.display_formatter.formatters["application/json"]
    for kind in (dict, list):
        json.for_type(kind, lambda value: value)
    tables.install(shell)
    charts.install(shell)
    return shell
