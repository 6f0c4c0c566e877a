"""Both stores at once, for a test or a program: `with running(folder) as stores`."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local import postgres, valkey
from local.folder import opened
from local.patience import Patience
from local.server import Server


@dataclass(frozen=True)
class Stores:
    """Two running servers. `superuser_url` is for what the service's own role may not do."""

    postgres: Server
    valkey: Server

    @property
    def superuser_url(self) -> str:
        return postgres.superuser_url(self.postgres)


@contextmanager
def running(
    folder: Path,
    *,
    durable: bool = False,
    max_connections: int = 100,
    postgres_settings: Mapping[str, str] | None = None,
    valkey_arguments: Sequence[str] = (),
) -> Iterator[Stores]:
    """Run both stores on the data in this folder, which is made where needed, and stop them after the block.

    Without `durable` the data survives a crash of the servers but not of the machine, and a start takes a second.
    `postgres_settings` are names and values of its configuration, `valkey_arguments` words like `--maxmemory`, `100mb`.
    One program may run a folder at a time; CannotStart says in one sentence what is in the way.
    """
    settings = {"max_connections": str(max_connections)} | dict(postgres_settings or {})
    patience = Patience()
    with (
        opened(folder, patience) as owned,
        postgres.available(owned, patience, durable=durable, settings=settings) as database,
        database.running(),
        valkey.available(owned, patience, durable=durable, arguments=valkey_arguments).running() as cache,
    ):
        yield Stores(database, cache)
