"""A PgBouncer in front of a Postgres: transaction mode, with fewer connections than its clients have."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit, urlunsplit

from tests.kit.services import free_ports
from tests.kit.waiting import until

START_SECONDS = 10.0
CONFIGURATION = """\
[databases]
{database} = host={host} port={server_port} dbname={database}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = 3
max_client_conn = 200
"""


def program() -> str | None:
    """Find PgBouncer on this machine; Debian puts it where ordinary users don't look."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@dataclass
class Pooler:
    """One PgBouncer; `url` is the database through it."""

    url: str
    port: int
    command: list[str]
    log: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it; over when it listens."""
        with self.log.open("ab") as output:
            # It refuses to run as root.
            user = "nobody" if os.geteuid() == 0 else None
            group = pwd.getpwnam("nobody").pw_gid if user else None
            self._process = subprocess.Popen(self.command, stdout=output, stderr=output, user=user, group=group)
        until(self._listens, monotonic() + START_SECONDS)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False


@contextmanager
def running_pooler(database_url: str, folder: Path) -> Iterator[Pooler]:
    """Run one in front of this database."""
    found = program()
    assert found is not None
    server, (port,) = urlsplit(database_url), free_ports(1)
    words = {"database": server.path[1:], "host": server.hostname, "server_port": server.port, "port": port}
    (folder / "users.txt").write_text(f'"{server.username}" "{server.password}"\n')
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(CONFIGURATION.format(folder=folder, **words))
    if os.geteuid() == 0:
        _hand_over(folder)
    credentials = server.netloc.rpartition("@")[0]
    url = urlunsplit(server._replace(netloc=f"{credentials}@127.0.0.1:{port}"))
    pooler = Pooler(url, port, [found, str(configuration)], folder / "pgbouncer.log")
    pooler.start()
    try:
        yield pooler
    finally:
        pooler.kill()


def _hand_over(folder: Path) -> None:
    """Let nobody, whom it runs as, read what it needs, and reach it."""
    nobody = pwd.getpwnam("nobody")
    for path in (folder, *folder.iterdir()):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
