"""What the tests of the local stores share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.clients import tidied


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Name a data folder of this test's own."""
    with tidied(tmp_path) as own:
        yield own
