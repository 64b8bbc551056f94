"""What everything in a sandbox may use of the machine, and which calls of its kernel it may not make."""

import ctypes
import errno
import fcntl
import os
import resource
import signal
import socket
import sys

_PR_SET_DUMPABLE = 4
_OWN_PID = 1
_FOLDERS = ("/home/user", "/tmp", "/dev/shm", "/root", "/etc")
# What the machine's kernel has of its own for a file in memory, and what a socket may hold that nobody has read.
_INODE_BYTES = 1024
_SOCKET_BYTES = 208 * 1024
# Out of all that the machine can end when it has no memory left, and rather than anything outside.
_OOM_SCORE = 800
_FIRST_TO_END = 1000

# Memory that belongs to no process, looks into others, and parts of the machine's kernel that no program here needs.
_REFUSED = (
    "acct add_key bpf chroot clock_settime delete_module fanotify_init finit_module fsconfig fsmount fsopen fspick "
    "init_module io_uring_enter io_uring_register io_uring_setup kcmp kexec_file_load kexec_load keyctl memfd_create "
    "memfd_secret migrate_pages mount mount_setattr move_mount move_pages mq_notify mq_open msgget name_to_handle_at "
    "open_by_handle_at open_tree perf_event_open pidfd_getfd pivot_root process_madvise process_vm_readv "
    "process_vm_writev ptrace quotactl reboot request_key semget setns shmat shmget swapoff swapon syslog umount2 unshare "
    "userfaultfd vmsplice"
).split()

# Only these belong to the sandbox's network: a virtual machine's AF_VSOCK, e.g., leads to its host from everywhere.
_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
_MOST_FAMILIES = 64


def apply(limits):
    """Bind this process, and so all that it starts. Limits of sizes are in bytes."""
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(_OOM_SCORE))
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
            refused.add_rule(seccomp.ERRNO(errno.EPERM), name)
        except (OSError, RuntimeError):
            # Not a call of this architecture, or younger than the library.
            continue
    for family in set(range(_MOST_FAMILIES)) - set(_FAMILIES):
        refused.add_rule(seccomp.ERRNO(errno.EAFNOSUPPORT), "socket", seccomp.Arg(0, seccomp.EQ, family))
    refused.add_rule(seccomp.ERRNO(errno.EAFNOSUPPORT), "socket", seccomp.Arg(0, seccomp.GE, _MOST_FAMILIES))
    # A program whose timer or file has the system send it SIGCONT would run on in a pause. Without such timers `timeout`
    # takes an alarm, if it is told that the system has none.
    refused.add_rule(seccomp.ERRNO(errno.ENOSYS), "timer_create")
    wakes = (seccomp.Arg(1, seccomp.EQ, fcntl.F_SETSIG), seccomp.Arg(2, seccomp.EQ, signal.SIGCONT))
    refused.add_rule(seccomp.ERRNO(errno.EPERM), "fcntl", *wakes)
    refused.load()


def overusers(limit, doomed):
    """The processes to be ended because all together have more than `limit` bytes of memory: the largest of them, until
    the others have less. Those that are `doomed` have been ended, and are about to give theirs back.
    """
    pids = {int(name) for name in os.listdir("/proc") if name.isdigit()} - doomed
    used = {pid: size for pid in pids if (size := _memory(pid))}
    others = sum(map(_stored, _FOLDERS)) + _SOCKET_BYTES * _sockets()
    if sum(used.values()) + others <= limit:
        return []
    # What several have is counted once now: a process that forks has not more for it.
    used = {pid: _share(pid, size) for pid, size in used.items()}
    excess = sum(used.values()) + others - limit
    used.pop(_OWN_PID, None)
    found = []
    for pid in sorted(used, key=lambda pid: (_is_first_to_end(pid), used[pid]), reverse=True):
        if excess <= 0:
            break
        found.append(pid)
        excess -= used[pid]
    return found


def _is_first_to_end(pid):
    """Whether it has said of itself that it matters least, as the copy of a kernel does."""
    try:
        with open(f"/proc/{pid}/oom_score_adj") as file:
            return int(file.read()) == _FIRST_TO_END
    except OSError:
        return False


def _memory(pid):
    return _sum_of(f"/proc/{pid}/status", ("RssAnon:", "RssShmem:", "VmPTE:", "VmSwap:"))


def _share(pid, size):
    """The same with its part of what it shares, where that can be seen: of what hides itself, not."""
    share = _sum_of(f"/proc/{pid}/smaps_rollup", ("Pss_Anon:", "Pss_Shmem:"))
    return min(share + _sum_of(f"/proc/{pid}/status", ("VmPTE:", "VmSwap:")), size) if share else size


def _sum_of(path, names):
    try:
        with open(path) as lines:
            return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(names))
    except OSError:
        # It has just ended.
        return 0


def _sockets():
    with open("/proc/net/sockstat") as lines:
        return int(next(lines).split()[2])


def _stored(folder):
    status = os.statvfs(folder)
    return (status.f_blocks - status.f_bfree) * status.f_frsize + (status.f_files - status.f_ffree) * _INODE_BYTES
