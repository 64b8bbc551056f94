"""What everything in a sandbox may use of the machine, and which calls of its kernel it may not make."""

import ctypes
import errno
import fcntl
import os
import resource
import signal
import sys

_PR_SET_DUMPABLE = 4
_OWN_PID = 1

# Memory that belongs to no process, looks into others, and parts of the machine's kernel that no program here needs.
_REFUSED = (
    "add_key bpf fanotify_init finit_module init_module io_uring_enter io_uring_register io_uring_setup keyctl "
    "kexec_file_load kexec_load memfd_create memfd_secret mount move_mount name_to_handle_at open_by_handle_at "
    "perf_event_open pidfd_getfd pivot_root process_vm_readv process_vm_writev ptrace request_key setns shmat shmget "
    "swapon umount2 unshare userfaultfd"
).split()


def apply(limits):
    """Bind this process, and so all that it starts. Limits of sizes are in bytes."""
    # Otherwise the sandbox's programs, which are of the same user, could read this process's memory and files.
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    for name, value in {
        "RLIMIT_NPROC": limits["processes"],
        "RLIMIT_FSIZE": limits["file"],
        "RLIMIT_NOFILE": limits["descriptors"],
        "RLIMIT_CORE": 0,
    }.items():
        resource.setrlimit(getattr(resource, name), (value, value))
    # Not a wall but a courtesy: what asks for too much at once hears so. V8 asks for far more than it uses.
    resource.setrlimit(resource.RLIMIT_AS, (limits["addresses"], resource.RLIM_INFINITY))
    _refuse_calls()


def _refuse_calls():
    # Debian's python3-seccomp, where it is installed.
    sys.path.append("/usr/lib/python3/dist-packages")
    try:
        import seccomp
    except ImportError:
        return
    finally:
        sys.path.pop()
    refused = seccomp.SyscallFilter(seccomp.ALLOW)
    for name in _REFUSED:
        try:
            refused.add_rule(seccomp.ERRNO(1), name)
        except (OSError, RuntimeError):
            # Not a call of this architecture, or younger than the library.
            continue
    # A program whose timer or file has the system send it SIGCONT would run on in a pause. Without such timers `timeout`
    # takes an alarm, if it is told that the system has none.
    refused.add_rule(seccomp.ERRNO(errno.ENOSYS), "timer_create")
    refused.add_rule(seccomp.ERRNO(errno.EPERM), "mq_notify")
    wakes = (seccomp.Arg(1, seccomp.EQ, fcntl.F_SETSIG), seccomp.Arg(2, seccomp.EQ, signal.SIGCONT))
    refused.add_rule(seccomp.ERRNO(errno.EPERM), "fcntl", *wakes)
    refused.load()


def overuse(limit):
    """The process to be ended because all together have more than `limit` bytes of memory, if so."""
    used = {pid: size for pid in os.listdir("/proc") if pid.isdigit() and (size := _memory(pid))}
    total = sum(used.values()) + sum(map(_stored, ("/home/user", "/tmp", "/dev/shm")))
    used.pop(str(_OWN_PID), None)
    return int(max(used, key=used.get)) if total > limit and used else None


def _memory(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            return sum(
                int(line.split()[1]) * 1024 for line in status if line.startswith(("RssAnon:", "RssShmem:"))
            )
    except OSError:
        return 0


def _stored(folder):
    status = os.statvfs(folder)
    return (status.f_blocks - status.f_bfree) * status.f_frsize

