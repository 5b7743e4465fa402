"""Network namespaces that exist only by file descriptor, and the user namespace an ordinary user needs to make one.

The rule: nothing gets a name, so nothing can be left behind; the kernel takes a namespace back with its last descriptor.
Written with ctypes because `os.unshare` and `os.setns` exist only from Python 3.12. Every refusal of the kernel is
translated here into a CapabilityError. Call these only in a process with a single thread: unshare(2) demands it.
"""

import ctypes
import errno
import os
from pathlib import Path

from lab.errors import CapabilityError

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)

_PROC_SYS = Path("/proc/sys")

_SWITCHES = (
    ("kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0"),
)
"""Debian's and Ubuntu's switches against user namespaces of ordinary users: file, the value that forbids, the cure."""

_LIMITS = {
    _CLONE_NEWUSER: "user/max_user_namespaces",
    _CLONE_NEWNET: "user/max_net_namespaces",
    _CLONE_NEWPID: "user/max_pid_namespaces",
}
"""namespaces(7): unshare fails with ENOSPC when one of these is used up."""


def new_user_namespace() -> int:
    """Move this process into a user namespace of its own, where it is root; returns a descriptor of it.

    The map is the one an ordinary user may write (user_namespaces(7)): itself to 0, and setgroups denied first.
    Raises CapabilityError.
    """
    uid, gid = os.geteuid(), os.getegid()
    _unshare(_CLONE_NEWUSER, "create a user namespace")
    for name, line in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        try:
            Path("/proc/self", name).write_text(line)
        except OSError as error:
            raise explain("map this user into its user namespace", error.errno or 0, _CLONE_NEWUSER) from error
    return os.open("/proc/self/ns/user", os.O_RDONLY | os.O_CLOEXEC)


def new_network_namespace() -> int:
    """Move this process into an empty network namespace; returns a descriptor of it. Raises CapabilityError."""
    _unshare(_CLONE_NEWNET, "create a network namespace")
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def new_process_namespace() -> None:
    """Have the next fork begin a process namespace: when that child ends, the kernel kills all that it started.

    Raises CapabilityError.
    """
    _unshare(_CLONE_NEWPID, "create a process namespace")


def may_create_network_namespaces() -> bool:
    """Whether this process may do so as it is: CAP_SYS_ADMIN (bit 21, capabilities(7)) in its effective set."""
    status = Path("/proc/self/status").read_text()
    effective = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective, 16) >> 21 & 1)


def enter_user_namespace(fd: int) -> None:
    """Join a user namespace made by the same user; must come before its network namespaces. Raises CapabilityError."""
    _setns(fd, _CLONE_NEWUSER, "enter the path's user namespace")


def enter_network_namespace(fd: int) -> None:
    """Join a network namespace; sockets opened from now on belong to it. Raises CapabilityError."""
    _setns(fd, _CLONE_NEWNET, "enter the path's network namespace")


def explain(what: str, code: int, kind: int = _CLONE_NEWNET, proc_sys: Path = _PROC_SYS) -> CapabilityError:
    """The kernel's `code` (errno) as reason and remedy, with the switches of this machine read from `proc_sys`."""
    reason = os.strerror(code)
    if code == errno.ENOSPC:
        limit = _LIMITS[kind].replace("/", ".")
        found = _read(proc_sys / _LIMITS[kind])
        return CapabilityError(what, f"{limit} = {found} is used up", f"As root: sysctl {limit}=<a larger number>")
    if code in (errno.EPERM, errno.EACCES):
        for name, forbids, cure in _SWITCHES:
            if _read(proc_sys / name) == forbids:
                return CapabilityError(what, f"{reason}: {name.replace('/', '.')} is {forbids}", f"As root: {cure}")
        return CapabilityError(
            what,
            f"{reason}: this process has not the right, and a container's seccomp profile or a chroot may forbid it",
            "Run as root, or start the container with --cap-add SYS_ADMIN --cap-add NET_ADMIN --device /dev/net/tun "
            "--security-opt systempaths=unconfined",
        )
    if code == errno.EINVAL:
        return CapabilityError(
            what, f"{reason}: the kernel lacks this kind of namespace, or the process has threads", "Use another kernel"
        )
    return CapabilityError(what, reason, "See unshare(2) and setns(2) for this error")


def _unshare(kind: int, what: str) -> None:
    if _libc.unshare(kind):
        raise explain(what, ctypes.get_errno(), kind)


def _setns(fd: int, kind: int, what: str) -> None:
    if _libc.setns(fd, kind):
        raise explain(what, ctypes.get_errno(), kind)


def _read(path: Path) -> str | None:
    """A sysctl's value, or None where this kernel does not have it."""
    try:
        return path.read_text().strip()
    except OSError:
        return None
