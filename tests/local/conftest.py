"""What the tests of the local stores share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Name a data folder; for root without user namespaces PostgreSQL's data lie outside and go too."""
    yield tmp_path
    data = tmp_path / "postgres"
    if data.is_symlink():
        shutil.rmtree(data.readlink().parent, ignore_errors=True)
