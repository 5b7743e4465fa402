"""Namespaces: what the kernel's refusals mean, and that entering one needs nothing but its descriptor."""

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.errors import CapabilityError
from lab.linux import namespaces
from lab.linux.child import Child, Control
from lab.linux.unprivileged import become_ordinary_user

USER, NETWORK = 0x10000000, 0x40000000


@dataclass
class Case:
    """An errno and the machine's switches; what reason and remedy must name."""

    code: int
    kind: int
    reason: str
    remedy: str
    sysctls: dict[str, str] = field(default_factory=dict)


CASES = {
    "Debian's switch": Case(
        errno.EPERM,
        USER,
        "kernel.unprivileged_userns_clone is 0",
        "sysctl kernel.unprivileged_userns_clone=1",
        {"kernel/unprivileged_userns_clone": "0"},
    ),
    "Ubuntu's AppArmor": Case(
        errno.EACCES,
        USER,
        "kernel.apparmor_restrict_unprivileged_userns is 1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        {"kernel/unprivileged_userns_clone": "1", "kernel/apparmor_restrict_unprivileged_userns": "1"},
    ),
    "a container's seccomp": Case(errno.EPERM, NETWORK, "seccomp", "--cap-add SYS_ADMIN"),
    "no network namespaces left": Case(
        errno.ENOSPC,
        NETWORK,
        "user.max_net_namespaces = 0",
        "sysctl user.max_net_namespaces=",
        {"user/max_net_namespaces": "0", "user/max_user_namespaces": "9"},
    ),
    "no user namespaces left": Case(
        errno.ENOSPC,
        USER,
        "user.max_user_namespaces = 9",
        "sysctl user.max_user_namespaces=",
        {"user/max_net_namespaces": "0", "user/max_user_namespaces": "9"},
    ),
    "a process with threads": Case(errno.EINVAL, USER, "threads", "kernel"),
    "anything else": Case(errno.ENOMEM, USER, os.strerror(errno.ENOMEM), "unshare(2)"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_refusals_are_explained(case: Case, tmp_path: Path) -> None:
    for name, value in case.sysctls.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(value + "\n")
    error = namespaces.explain("make it", case.code, case.kind, tmp_path)
    assert error.what == "make it"
    assert case.reason in error.reason
    assert case.remedy in error.remedy


def _devices() -> list[str]:
    lines = Path("/proc/thread-self/net/dev").read_text().splitlines()[2:]
    return [line.split(":")[0].strip() for line in lines]


def _new_namespace(control: Control) -> list[str]:
    fd = namespaces.new_network_namespace()
    control.send("made", {}, [fd])
    return _devices()


@pytest.mark.needs("tun")
def test_a_new_network_namespace_is_empty_and_is_entered_by_its_descriptor() -> None:
    if not namespaces.may_create_network_namespaces():
        pytest.skip("without CAP_SYS_ADMIN this is what the rootless test of the relay shows")
    before = os.readlink("/proc/self/ns/net")
    maker = Child("maker", _new_namespace)
    fd = maker.receive(10).fds[0]
    assert maker.result(10) == ["lo"]

    def visit(_control: Control) -> tuple[list[str], str]:
        namespaces.enter_network_namespace(fd)
        return _devices(), os.readlink("/proc/self/ns/net")

    visitor = Child("visitor", visit)
    devices, inside = visitor.result(10)
    assert devices == ["lo"]
    assert inside == f"net:[{os.fstat(fd).st_ino}]"
    assert os.readlink("/proc/self/ns/net") == before != inside
    os.close(fd)
    maker.close()
    visitor.close()


@pytest.mark.needs("rootless")
def test_an_ordinary_user_is_root_only_inside_its_own_user_namespace() -> None:
    def target(_control: Control) -> tuple[bool, bool, int, str]:
        become_ordinary_user()
        before = namespaces.may_create_network_namespaces()
        namespaces.new_user_namespace()
        setgroups = Path("/proc/self/setgroups").read_text().strip()
        return before, namespaces.may_create_network_namespaces(), os.geteuid(), setgroups

    child = Child("ordinary user", target)
    assert child.result(10) == (False, True, 0, "deny")
    child.close()


def test_a_descriptor_of_something_else_is_no_namespace() -> None:
    with Path("/dev/null").open() as file, pytest.raises(CapabilityError, match="enter the path's network"):
        namespaces.enter_network_namespace(file.fileno())
