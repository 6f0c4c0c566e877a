"""An image to look at: the one named by TEST_IMAGE."""

import os

import pytest

from tests.image.containers import Image, find_engine


@pytest.fixture(scope="session")
def image() -> Image:
    """The image that `make test-image` has built."""
    name, engine = os.environ.get("TEST_IMAGE"), find_engine()
    if name is None:
        pytest.skip("no image is named by TEST_IMAGE; make test-image builds one and tests it")
    if engine is None:
        pytest.skip("neither docker nor podman works here, so no image can be looked into")
    return Image(engine, name)
