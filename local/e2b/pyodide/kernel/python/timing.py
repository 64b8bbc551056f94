"""`%time` and `%timeit`."""

import math
import time
import timeit

from . import magic, namespace
from .compiled import run_now

# Both bounds are below IPython's: a sandbox's run has a limit of time itself.
_ENOUGH_SECONDS = 0.1
_MOST_SECONDS = 5
_RUNS = 7

_clock, _cpu_clock = time.perf_counter, time.process_time


def _as_text(seconds, digits=3):
    if seconds >= 60:
        whole, parts = int(seconds), []
        for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
            if whole >= size:
                parts.append(f"{whole // size}{unit}")
                whole %= size
        return " ".join(parts)
    place = 3 if seconds <= 0 else max(0, min(3, -math.floor(math.log10(seconds) / 3)))
    return f"{seconds * 1000**place:.{digits}g} {('s', 'ms', 'µs', 'ns')[place]}"


@magic.line("time", expands=False)
def _time_line(code):
    return _timed(code)


@magic.cell("time")
def _time_cell(line, body):
    if line and body.strip():
        raise magic.UsageError("Can't use statement directly after '%%time'!")
    return _timed(line or body)


def _timed(code):
    begun, cpu_begun = _clock(), _cpu_clock()
    try:
        return run_now(code)
    finally:
        wall, cpu = _clock() - begun, _cpu_clock() - cpu_begun
        print(f"CPU times: user {_as_text(cpu)}, sys: 0 ns, total: {_as_text(cpu)}")
        print(f"Wall time: {_as_text(wall)}")


class TimeitResult:
    """What `%timeit -o` returns; times are in seconds a loop."""

    def __init__(self, loops, timings):
        self.loops, self.repeat = loops, len(timings)
        self.timings, self.all_runs = timings, [timing * loops for timing in timings]
        self.best, self.worst = min(timings), max(timings)

    @property
    def average(self):
        """The mean."""
        return math.fsum(self.timings) / len(self.timings)

    @property
    def stdev(self):
        """The standard deviation."""
        return math.sqrt(math.fsum((timing - self.average) ** 2 for timing in self.timings) / len(self.timings))

    def __str__(self):
        runs = f"{self.repeat} run{'s'[: self.repeat != 1]}, {self.loops:,} loop{'s'[: self.loops != 1]}"
        return f"{_as_text(self.average)} ± {_as_text(self.stdev)} per loop (mean ± std. dev. of {runs} each)"

    def _repr_pretty_(self, p, _cycle):
        p.text(f"<TimeitResult : {self}>")


@magic.line("timeit", expands=False)
def _timeit_line(line):
    chosen, code = magic.options(line, "n:r:tcp:qo")
    return _measure(chosen, code, "pass") if code else None


@magic.cell("timeit")
def _timeit_cell(line, body):
    chosen, setup = magic.options(line, "n:r:tcp:qo")
    return _measure(chosen, body, setup or "pass")


def _measure(chosen, code, setup):
    timer = timeit.Timer(code, setup, timer=_clock, globals=namespace.variables)
    loops, runs = int(chosen.get("n", 0)), int(chosen.get("r", _RUNS))
    spent = 0.0
    if loops == 0:
        loops = 1
        while (spent := timer.timeit(loops)) < _ENOUGH_SECONDS:
            loops *= 10
        if "r" not in chosen:
            runs = max(1, min(runs, int(_MOST_SECONDS / spent)))
    result = TimeitResult(loops, [timer.timeit(loops) / loops for _ in range(runs)])
    if "q" not in chosen:
        print(result)
    return result if "o" in chosen else None
