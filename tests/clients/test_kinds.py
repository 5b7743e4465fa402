"""Every kind that a scenario may name has its program, and says by name what it lacks."""

import importlib.util
import shutil
from typing import get_args

import pytest

from lab.clients import kinds
from lab.errors import CapabilityError
from lab.model.client import ClientSpec

KINDS = get_args(ClientSpec.model_fields["kind"].annotation)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_program(kind: str) -> None:
    assert callable(kinds.runner(kind))


def test_the_raw_client_needs_nothing() -> None:
    kinds.require("raw")


@pytest.mark.parametrize("kind", ["browser", "browser-eventsource"])
def test_a_missing_browser_is_named_with_its_remedy(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(CapabilityError) as caught:
        kinds.require(kind)
    assert "chromium" in caught.value.reason
    assert caught.value.remedy == "Debian: apt-get install chromium"


@pytest.mark.parametrize("kind", ["httpx", "httpx-sse", "locust"])
def test_a_missing_library_is_named_with_its_remedy(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(CapabilityError) as caught:
        kinds.require(kind)
    assert "is not installed" in caught.value.reason
    assert caught.value.remedy.startswith("pip install 'typewriter-lab[")
