"""Two replicas behind faults, with Prometheus looking on."""

from collections.abc import AsyncIterator, Iterator

import pytest

from local import stores as local_stores
from tests.kit.environment import Addresses
from tests.kit.prometheus import program
from tests.observability.scene import Watched, scene


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """A Postgres and a Redis of this module's own: they are taken away."""
    program("prometheus")
    with local_stores.running(tmp_path_factory.mktemp("stores"), durable=False) as running:
        own = Addresses(running.postgres.url, running.valkey.url, running)
        own.migrate()
        yield own


@pytest.fixture(scope="module")
async def watched(stores: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    """Prometheus, two replicas and their stores."""
    async with scene(stores, tmp_path_factory.mktemp("watched")) as found:
        yield found
