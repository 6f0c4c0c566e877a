"""What these tests stand on beside the common ground."""

from collections.abc import AsyncIterator

import pytest

from tests.kit.admins import admin
from tests.kit.environment import Addresses
from tests.kit.services import Service, free_ports, running_service

__all__ = ["admin"]


@pytest.fixture(scope="session")
async def deaf(stores: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """A replica whose Redis is not there."""
    settings = {"SIGNET_REDIS_URL": f"redis://127.0.0.1:{free_ports(1)[0]}/0"}
    async with running_service(stores, tmp_path_factory.mktemp("logs") / "deaf.log", settings) as replica:
        yield replica
