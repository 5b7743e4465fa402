"""Becoming an ordinary user: no way back, a usable TUN node inside, and the machine as it was."""

import os
from pathlib import Path

import pytest

from lab.linux.child import Child, Control
from lab.linux.unprivileged import become_ordinary_user

pytestmark = pytest.mark.needs("rootless")

NODE = Path("/dev/net/tun")


def test_it_is_final_and_the_node_can_be_opened() -> None:
    def target(_control: Control) -> tuple[int, ...]:
        become_ordinary_user()
        with pytest.raises(PermissionError):
            os.setuid(0)
        os.close(os.open(NODE, os.O_RDWR))
        return os.getresuid()

    child = Child("ordinary user", target)
    try:
        uids = child.result(10)
    finally:
        child.close()
    assert 0 not in uids


def test_the_machine_keeps_its_node_and_mounts() -> None:
    def seen() -> tuple[int, int, int, str]:
        node = NODE.stat()
        return node.st_mode, node.st_dev, node.st_ino, Path("/proc/self/mountinfo").read_text()

    before = seen()
    child = Child("ordinary user", lambda _control: become_ordinary_user())
    child.result(10)
    child.close()
    assert seen() == before
