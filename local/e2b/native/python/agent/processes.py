"""What runs in a sandbox beside its kernels."""

import os


def others(programs):
    """The names of all processes that are neither this one nor a kernel."""
    known = {os.getpid(), *(program.pid for program in programs if program.is_kernel)}
    pids = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    return [name for pid in pids if pid not in known and (name := _name(pid)) is not None]


def _name(pid):
    """What it was started as; none if it has ended."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            name, _, rest = stat.read().partition("(")[2].rpartition(")")
        if rest.split()[0] in ("Z", "X"):
            return None
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return None
    words = words or name
    return words if len(words) <= 80 else f"{words[:80]}…"
