"""Becoming an ordinary user for good, in a throw-away child of root: so that root can find out what ordinary users can do.

The rule: the machine is left as it is. The child gets a mount namespace of its own, in which `/dev/net/tun` is a node that
anybody may open, as udev makes it on a desktop; nothing of that is seen outside.
"""

import ctypes
import os
import stat
from pathlib import Path

from lab.errors import CapabilityError

NOBODY = 65534
"""The overflow user id (`kernel.overflowuid`): owns nothing anywhere."""

_CLONE_NEWNS = 0x00020000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_PR_SET_DUMPABLE = 4
_TUN_DIRECTORY = Path("/dev/net")
_TUN_DEVICE = os.makedev(10, 200)  # Documentation/admin-guide/devices.txt: misc 10, minor 200

_libc = ctypes.CDLL(None, use_errno=True)


def become_ordinary_user(uid: int = NOBODY) -> None:
    """Give up root for `uid` without a way back; does nothing where there is nothing to give up. Raises CapabilityError."""
    if os.geteuid() != 0:
        return
    _check(_libc.unshare(_CLONE_NEWNS), "create a mount namespace")
    _check(_libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None), "make its mounts private")
    _check(_libc.mount(b"tmpfs", os.fsencode(_TUN_DIRECTORY), b"tmpfs", 0, None), f"mount on {_TUN_DIRECTORY}")
    os.mknod(_TUN_DIRECTORY / "tun", stat.S_IFCHR, _TUN_DEVICE)
    (_TUN_DIRECTORY / "tun").chmod(0o666)
    _TUN_DIRECTORY.chmod(0o755)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # Changing user makes /proc/self root's (prctl(2)), and then the map of a user namespace could not be written.
    _check(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0), "own /proc/self again")


def _check(result: int, what: str) -> None:
    if result:
        reason = os.strerror(ctypes.get_errno())
        remedy = "Only root outside a restricted container can try this; ordinary users are not affected"
        raise CapabilityError(what, reason, remedy)
