"""A Valkey of our own: its configuration, and the server that reads it."""

import socket
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from local import wheels
from local.children import Child, Command
from local.folder import Folder
from local.patience import Patience
from local.server import Server

# Its files lie in the folder it runs in, so the configuration names no path that would have to be quoted.
CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir ./
set-proc-title no
{keeping}
"""
DURABLE = "appendonly yes"
THROW_AWAY = 'appendonly no\nsave ""'


def available(folder: Folder, patience: Patience, *, durable: bool, arguments: Sequence[str]) -> Server:
    """Describe a server that can be started. The password stands in a private file, never on a command line."""
    port, password = folder.port("valkey"), folder.secret("valkey-password")
    keeping = DURABLE if durable else THROW_AWAY
    configuration = folder.write("valkey.conf", CONFIGURATION.format(port=port, password=password, keeping=keeping))
    home = folder.path / "valkey"
    home.mkdir(mode=0o700, exist_ok=True)
    words = (str(wheels.valkey_server()), str(configuration))
    return Server(
        name=f"Valkey {wheels.valkey_version()}",
        command=Command((*words, *arguments), working_folder=home),
        folder=folder,
        patience=patience,
        is_ready=partial(_is_ready, port, password),
        last_words=_last_line,
        url=f"redis://:{password}@127.0.0.1:{port}/0",
        log=folder.path / "valkey.log",
        mark=" ".join(words),
    )


def _is_ready(port: int, password: str, _child: Child) -> bool:
    """Whether it answers PING, which it refuses while it loads. Somebody else's server would refuse our password."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
        answer = b""
        while answer.count(b"\r\n") < 2 and (words := connection.recv(1000)):  # noqa: PLR2004
            answer += words
        return answer == b"+OK\r\n+PONG\r\n"
    return False


def _last_line(output: str) -> str:
    lines = output.splitlines()
    return lines[-1].rpartition(" # ")[2] if lines else "it gave no reason."
