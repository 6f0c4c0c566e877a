"""Two replicas that tidy all the time."""

from collections.abc import AsyncIterator

import pytest

from tests.kit.environment import Addresses
from tests.kit.services import Service, running_pair

OFTEN = {"SIGNET_HOUSEKEEPING": "200ms"}


@pytest.fixture(scope="module")
async def tidying_replicas(
    stores: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Service, Service]]:
    """Two processes that tidy five times a second, and end with these tests: they would tidy in all others."""
    logs = tmp_path_factory.mktemp("tidying")
    async with running_pair(stores, logs, OFTEN) as pair:
        yield pair


@pytest.fixture
def tidying(tidying_replicas: tuple[Service, Service]) -> tuple[Service, Service]:
    """Two processes that tidy five times a second."""
    return tidying_replicas
