"""Stores of a test's own, and one replica with everything at the edge turned on."""

from collections.abc import AsyncIterator

import pytest

from tests.kit.environment import Addresses
from tests.kit.fresh import bare_stores, fresh_database, fresh_stores, migrated_template
from tests.kit.services import Service, running_service

__all__ = ["bare_stores", "fresh_database", "fresh_stores", "guarded", "migrated_template"]

ORIGIN = "https://app.example.test"


@pytest.fixture(scope="session")
async def guarded(stores: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """A replica behind proxies, for some hosts, open to one origin."""
    settings = {
        "SIGNET_PROXY_HEADER": "X-Forwarded-For",
        "SIGNET_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8, fd00::/8",
        "SIGNET_TRUSTED_HOSTS": "id.example.test 127.0.0.1",
        "SIGNET_CORS_ORIGINS": f"{ORIGIN} https://admin.example.test",
        "SIGNET_CORS_CREDENTIALS": "true",
    }
    async with running_service(stores, tmp_path_factory.mktemp("guarded") / "log", settings) as service:
        yield service
