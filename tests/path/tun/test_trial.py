"""What this kernel has and lacks of [host] and [[cross]]: found out before anything starts, and told by its key."""

import socket
from typing import Any

import pytest

from lab.errors import CapabilityError
from lab.linux.child import Child, Control
from lab.linux.unprivileged import become_ordinary_user
from lab.model.host import HostSpec
from lab.model.path import PathSpec
from lab.path.tun import trial

pytestmark = pytest.mark.needs("tun")

PATH = PathSpec.model_validate({"rate": "5Mbit/s"})
EVERYTHING = HostSpec.model_validate(
    {"autocork": True, "initial_window": 30, "rto_min": "50ms", "delack_max": "100ms", "mtu": 1000}
)


def test_all_of_it_can_be_had_here() -> None:
    trial.require(PATH, EVERYTHING, ["reno", "cubic"])


@pytest.mark.needs("rootless")
def test_and_by_an_ordinary_user() -> None:
    def target(_control: Control) -> None:
        become_ordinary_user()
        trial.require(PATH, EVERYTHING, ["reno"])

    child = Child("ordinary user", target)
    try:
        child.result(10)
    finally:
        child.close()


LACKING: dict[str, tuple[dict[str, Any], list[str], str]] = {
    "a congestion control that there is none of": ({}, ["reno", "nil"], "cross.congestion = 'nil'"),
    "an ACK timer finer than the kernel's": ({"delack_max": "1us"}, [], "host.delack_max = '1us': Invalid argument"),
}


@pytest.mark.parametrize(("host", "congestions", "reason"), LACKING.values(), ids=LACKING)
def test_what_the_kernel_refuses_has_the_name_of_its_key(
    host: dict[str, Any], congestions: list[str], reason: str
) -> None:
    devices = socket.if_nameindex()
    with pytest.raises(CapabilityError) as caught:
        trial.require(PATH, HostSpec.model_validate(host), congestions)
    assert caught.value.reason.startswith(reason)
    assert caught.value.remedy
    assert socket.if_nameindex() == devices
