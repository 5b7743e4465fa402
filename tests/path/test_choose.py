"""Choosing a backend: what is asked for, what works here, and that nothing is applied in part."""

import pytest

from lab.errors import CapabilityError
from lab.model.path import PathSpec
from lab.path import choose as choose_module
from lab.path.choose import choose
from lab.path.probe import Capability

WORKS = Capability("tun", "the emulator", works=True)
BROKEN = Capability("tun", "the emulator", works=False, reason="no /dev/net/tun", remedy="modprobe tun")

CASES = {
    "auto, nothing emulated": ({}, BROKEN, "loopback"),
    "auto, a delay": ({"delay": "20ms"}, WORKS, "tun"),
    "auto, one direction's loss": ({"up": {"loss": "1%"}}, WORKS, "tun"),
    "auto, a preset": ("lan", WORKS, "tun"),
    "named tun, nothing emulated": ({"backend": "tun"}, WORKS, "tun"),
    "named loopback": ({"backend": "loopback"}, BROKEN, "loopback"),
    "auto, a delay, no tun here": ({"delay": "20ms"}, BROKEN, None),
    "named tun, no tun here": ({"backend": "tun"}, BROKEN, None),
}


@pytest.mark.parametrize(("written", "tun", "backend"), CASES.values(), ids=CASES)
def test_backend(written: object, tun: Capability, backend: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose_module, "probe", {"tun": tun}.__getitem__)
    spec = PathSpec.model_validate(written)
    if backend is None:
        with pytest.raises(CapabilityError) as caught:
            choose(spec, 1)
        assert (caught.value.reason, caught.value.remedy) == (BROKEN.reason, BROKEN.remedy)
        return
    choice = choose(spec, 1)
    assert choice.path.backend == backend
    assert choice.reason
    choice.path.close()


def test_loopback_refuses_to_emulate() -> None:
    with pytest.raises(ValueError, match="loopback"):
        PathSpec.model_validate({"backend": "loopback", "delay": "20ms"})
