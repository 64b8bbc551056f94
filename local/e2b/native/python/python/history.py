"""What IPython keeps of the cells that have run, and what cells have made of IPython."""

import linecache

_INPUTS = ("_i00", "_i", "_ii", "_iii")
_VALUES = ("_", "__", "___")


class History:
    def __init__(self, shell):
        self._shell = shell
        # By now no cell has run.
        self._magics = _magics(shell)
        self._callbacks = _callbacks(shell)

    def anchors(self):
        """The lists that there are one of, by names."""
        history = self._shell.history_manager
        return {
            "In": history.input_hist_parsed,
            "raw": history.input_hist_raw,
            "folders": history.dir_hist,
            "Out": history.output_hist,
        }

    def read(self):
        shell, history, hook = self._shell, self._shell.history_manager, self._shell.displayhook
        return {
            "count": shell.execution_count,
            "lists": [list(each) for each in (history.input_hist_parsed, history.input_hist_raw, history.dir_hist)],
            "Out": dict(history.output_hist),
            "shown": dict(history.output_hist_reprs),
            "inputs": [getattr(history, name) for name in _INPUTS],
            # Of one that a cell has set itself IPython knows no more than that it is another one.
            "values": [
                value if (value := getattr(hook, name)) is shell.user_ns.get(name) else object() for name in _VALUES
            ],
            "cells": dict(shell.compile._filename_map),
            "lines": {name: linecache.cache.get(name) for name in shell.compile._filename_map},
            "magics": [each for each in _magics(shell).items() if each not in self._magics.items()],
            "callbacks": [each for each in _callbacks(shell) if each not in self._callbacks],
        }

    def restore(self, state):
        shell, history, hook = self._shell, self._shell.history_manager, self._shell.displayhook
        shell.execution_count = state["count"]
        for mine, theirs in zip((history.input_hist_parsed, history.input_hist_raw, history.dir_hist), state["lists"]):
            mine[:] = theirs
        history.output_hist.update(state["Out"])
        history.output_hist_reprs.update(state["shown"])
        for name, value in zip(_INPUTS, state["inputs"]):
            setattr(history, name, value)
        for name, value in zip(_VALUES, state["values"]):
            setattr(hook, name, value)
        shell.compile._filename_map.update(state["cells"])
        for name, lines in state["lines"].items():
            if lines is not None:
                linecache.cache[name] = lines
        for (kind, name), magic in state["magics"]:
            shell.magics_manager.magics[kind][name] = magic
        for event, callback in state["callbacks"]:
            if callback not in shell.events.callbacks[event]:
                shell.events.register(event, callback)


def _magics(shell):
    known = shell.magics_manager.magics
    return {(kind, name): magic for kind in known for name, magic in known[kind].items()}


def _callbacks(shell):
    return [(event, callback) for event, known in shell.events.callbacks.items() for callback in known]
