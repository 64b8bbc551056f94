"""The process of any other kernel that Jupyter has: speaks its protocol with it, and the server's with the server."""

import ctypes
import json
import os
import queue
import signal
import sys

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from . import output, results
from .server import Server

_PR_SET_PDEATHSIG = 1
_READY_SECONDS = 60
# How long a kernel says nothing before it is looked at.
_LOOK_SECONDS = 0.2


def main():
    spec, messages = sys.argv[1:]
    server = Server(int(messages))
    server.say_ready()
    kernel = None
    for command in server.commands():
        if command["type"] == "configure":
            os.environ.update(command["environment"])
            os.makedirs(command["cwd"], exist_ok=True)
            kernel = Kernel(json.loads(spec), command["cwd"])
        elif command["type"] == "execute":
            kernel.run(command)


class Kernel:
    def __init__(self, spec, cwd):
        manager = KernelManager(transport="ipc", ip=f"/tmp/.kernel-{os.getpid()}")
        manager._kernel_spec = KernelSpec(**spec)
        # What it says to its own standard output is a cell's, too.
        manager.start_kernel(cwd=cwd, preexec_fn=_end_with_parent)
        self._manager = manager
        self._client = manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=_READY_SECONDS)
        self._is_running = self._is_asked = False
        signal.signal(signal.SIGINT, lambda *_: self._interrupt())

    def _interrupt(self):
        """Once a cell, and only while it runs: R ends at a signal that hits it between two cells."""
        is_first, self._is_asked = not self._is_asked, True
        if self._is_running and is_first:
            # It is in a group of its own.
            self._manager.interrupt_kernel()

    def run(self, command):
        output.begin(command["id"])
        self._is_asked = False
        asked = self._client.execute(
            command["code"], silent=command["silent"], store_history=not command["silent"], allow_stdin=False
        )
        while True:
            try:
                message = self._client.get_iopub_msg(timeout=_LOOK_SECONDS)
            except queue.Empty:
                if self._manager.is_alive():
                    continue
                self._end()
                break
            if message["parent_header"].get("msg_id") != asked:
                continue
            if message["msg_type"] == "execute_input":
                self._begin()
            if _tell(message, command["silent"]):
                break
        self._is_running = False
        output.send("done")

    def _begin(self):
        self._is_running = True
        if self._is_asked:
            self._manager.interrupt_kernel()

    def _end(self):
        """Tells of the kernel's end, which a cell has asked for or not."""
        if self._manager.provisioner.process.poll() != 0:
            sys.exit("The kernel that ran the cell has died.")
        output.send("exit")


def _end_with_parent():
    """It is in a session of its own, which no signal to this process reaches."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _tell(message, silent):
    """Says to the server what a kernel says of a cell; whether the cell is over."""
    content = message["content"]
    match message["msg_type"]:
        case "execute_input" if not silent:
            output.send("count", count=content["execution_count"])
        case "stream":
            output.say(content["name"], content["text"])
            output.flush()
        case "execute_result":
            results.send(content["data"], True)
        case "display_data":
            results.send(content["data"], False)
        case "error":
            traceback = "\n".join(content["traceback"])
            output.send("error", name=content["ename"], value=content["evalue"], traceback=traceback)
        case "status":
            return content["execution_state"] == "idle"
    return False


main()
