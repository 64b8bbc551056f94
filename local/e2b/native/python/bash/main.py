"""The process of a bash kernel: one bash for all cells, which reads them from a pipe and tells how each has ended."""

import os
import signal
import subprocess
import sys

from . import output
from .server import Server, write

# Where bash tells that a cell has ended and how, where cells come from, and where what they say of errors goes.
_TOLD, _CELLS, _ERRORS = 3, 4, 5
# An interactive bash leaves a cell that is interrupted as a person at a terminal expects, and reads the next line.
_BASH = "exec /bin/bash --norc --noprofile --noediting -i +mH 2>/dev/null"
_CELL = f"""\
__status=130; IFS= read -r -d '' -u {_CELLS} __cell; \
eval "$__cell" </dev/null 2>&{_ERRORS} {_TOLD}>&- {_CELLS}<&- {_ERRORS}>&-; __status=$?
echo "$__status" >&{_TOLD}
""".encode()


def main():
    server = Server(int(sys.argv[1]))
    # The signal is for bash, which has another answer to it.
    signal.signal(signal.SIGINT, lambda *_: None)
    bash = None
    count = 0
    server.say_ready()
    for command in server.commands():
        if command["type"] == "configure":
            bash = Bash(command["environment"], command["cwd"])
        elif command["type"] == "execute":
            silent = command["silent"]
            count += not silent
            output.begin(command["id"])
            if not silent:
                output.send("count", count=count)
            code = bash.run(command["code"])
            if code is None and bash.was_killed():
                sys.exit("The bash that ran the cell was killed.")
            _tell(code)


def _tell(code):
    if code is None:
        # It ended itself, and with it its variables.
        output.send("exit")
    elif code != 0:
        # As bash_kernel tells it, which E2B's template has.
        output.send("error", name="", value=str(code), traceback="")
    output.send("done")


class Bash:
    def __init__(self, environment, cwd):
        os.makedirs(cwd, exist_ok=True)
        cells, self._cells = os.pipe()
        self._told, told = os.pipe()
        lines, self._lines = os.pipe()
        # By way of numbers that no pipe has by chance.
        numbers = f"exec 97>&2 98>&{told} 99<&{cells}\nexec {_TOLD}>&98- {_CELLS}<&99- {_ERRORS}>&97-"
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", f"{numbers}\n{_BASH}"],
            stdin=lines,
            pass_fds=(told, cells),
            cwd=cwd,
            env={**os.environ, **environment},
        )
        for descriptor in (cells, told, lines):
            os.close(descriptor)

    def was_killed(self):
        return self._process.wait() < 0

    def run(self, code):
        """The exit code of a cell; none if it ended bash."""
        told = b""
        try:
            write(self._lines, _CELL)
            write(self._cells, code.replace("\0", "").encode() + b"\0")
        except BrokenPipeError:
            return None
        while not told.endswith(b"\n"):
            data = os.read(self._told, 100)
            if not data:
                return None
            told += data
        return int(told)


main()
