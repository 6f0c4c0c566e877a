"""python -m tests.preview: lives a minute with Signet, faults included, and draws docs/images/dashboard-*.svg of it."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from time import time

import asyncpg
import httpx

from local import stores as local_stores
from tests.kit.dashboards import ShippedPanel, asked, dashboards, panels
from tests.kit.environment import Addresses
from tests.kit.people import Person, new_person
from tests.kit.programs import ROOT
from tests.observability.everything import around
from tests.observability.scene import Watched, load_test, scene
from tests.outages.ways import refusing, slow
from tests.preview.drawing import Line, draw

IMAGES = ROOT / "docs/images"
QUIET_SECONDS, FAULT_SECONDS = 20.0, 6.0
READERS, PAUSE_SECONDS = 4, 0.02
SLOWNESS_SECONDS = 0.1
INTERVAL = "4s"
# Of a load test's own: some ten seconds.
LENGTH = 0.35


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="signet-preview-") as folder:
        path = Path(folder)
        path.chmod(0o755)
        with local_stores.running(path / "stores", durable=False) as running:
            stores = Addresses(running.postgres.url, running.valkey.url, running)
            stores.migrate()
            asyncio.run(preview(stores, path))
    return 0


async def preview(stores: Addresses, folder: Path) -> None:
    async with scene(stores, folder) as watched:
        began = time()
        await live(watched, stores, folder)
        for name, content in dashboards().items():
            shown = [panel for panel in panels() if panel.dashboard == name]
            lines = [await lines_of(watched, panel, began) for panel in shown]
            file = IMAGES / f"dashboard-{name}.svg"
            file.write_text(draw(content, lines, began, time()), encoding="utf-8")
            print(f"{file.relative_to(ROOT)}: {sum(map(bool, lines))} of {len(lines)} panels have something to show")


async def live(watched: Watched, stores: Addresses, folder: Path) -> None:
    """A quiet while, then Redis away, then Postgres slow, then a load test; people come and go meanwhile."""
    database = await asyncpg.connect(stores.database_url)
    reader = await new_person(watched.first, "reader@example.com")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        await stack.enter_async_context(used_all_the_time(watched, reader, database))
        await asyncio.sleep(QUIET_SECONDS)
        async with refusing(watched.redis):
            await asyncio.sleep(FAULT_SECONDS)
        await asyncio.sleep(FAULT_SECONDS)
        async with slow(watched.postgres, SLOWNESS_SECONDS):
            await asyncio.sleep(FAULT_SECONDS)
        async with load_test(watched, stores, folder, LENGTH):
            await asyncio.sleep(QUIET_SECONDS)


@asynccontextmanager
async def used_all_the_time(watched: Watched, reader: Person, database: asyncpg.Connection) -> AsyncIterator[None]:
    async def reads() -> None:
        session = await reader.sign_in()
        asks = [partial(one.get, path, token=session.access_token) for one in watched.replicas for path in PATHS]
        while True:
            for ask in asks:
                with suppress(httpx.TransportError):
                    await ask()
                await asyncio.sleep(PAUSE_SECONDS)

    async def lives() -> None:
        while True:
            # In a fault some of what people do fails, as it should.
            with suppress(AssertionError, httpx.TransportError, KeyError):
                await around(*watched.replicas, database)
            await asyncio.sleep(PAUSE_SECONDS)

    async with asyncio.TaskGroup() as group:
        tasks = [*(group.create_task(reads()) for _ in range(READERS)), group.create_task(lives())]
        yield
        for task in tasks:
            task.cancel()


PATHS = ("/v1/users/me", "/v1/verify", "/v1/sessions")


async def lines_of(watched: Watched, panel: ShippedPanel, began: float) -> list[Line]:
    found: list[Line] = []
    for expression, legend in zip(panel.expressions, panel.legends, strict=True):
        answer = await watched.prometheus.ask_over(asked(expression, INTERVAL), began, time())
        found.extend(Line.of(series, legend) for series in answer)
    return found


if __name__ == "__main__":
    sys.exit(main())
