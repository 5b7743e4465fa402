"""One warm forge for all end-to-end tests."""

from collections.abc import Iterator

import pytest

from lab.run.forge import Forge


@pytest.fixture(scope="session")
def forge() -> Iterator[Forge]:
    """Ended with everything it forked."""
    forge = Forge()
    yield forge
    forge.close()
