"""The data folder: one owner at a time, private files, remembered ports."""

import fcntl
import os
import random
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from local import processes
from local.patience import Patience
from local.refusals import CannotStart

PRIVATE = 0o600
DYING_MAY_TAKE = 0.5
LEFTOVERS_MAY_TAKE = 20.0
# Below the ports that systems give to outgoing connections, so that a server can come back to the one it had.
STORE_PORTS = range(20_000, 32_000)


@dataclass(frozen=True)
class Folder:
    """A data folder that is ours alone as long as `lock` is open, here or in a keeper of a process we started."""

    path: Path
    lock: int

    def secret(self, name: str) -> str:
        """Make 32 random bytes at the first call and keep them, in base64url, in a file only we can read."""
        self.write_new(name, secrets.token_urlsafe(32) + "\n")
        return (self.path / name).read_text().strip()

    def write_new(self, name: str, text: str) -> bool:
        """Write a private file unless it exists. It is never seen half-written."""
        if (self.path / name).exists():
            return False
        self.write(name, text)
        return True

    def write(self, name: str, text: str) -> Path:
        draft, final = self.path / f".{name}.new", self.path / name
        draft.unlink(missing_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "w") as file:  # noqa: PTH123 - by fd
            file.write(text)
        return draft.replace(final)

    def port(self, name: str) -> int:
        """Find a free port on the loopback interface: the one of last time when nobody took it meanwhile."""
        remembered = self.path / f"{name}.port"
        with suppress(OSError, ValueError):
            if is_free("127.0.0.1", port := int(remembered.read_text())):
                return port
        port = next(number for number in _random_ports() if is_free("127.0.0.1", number))
        self.write(remembered.name, f"{port}\n")
        return port


@contextmanager
def opened(path: Path, patience: Patience) -> Iterator[Folder]:
    """Make the folder where needed and own it; what a killed predecessor left running is waited for."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, PRIVATE)
    except OSError as refusal:
        raise CannotStart(f"The data folder {path} cannot be written: {refusal.strerror}.") from refusal
    try:
        _own(lock, path, patience)
        yield Folder(path.resolve(), lock)
    finally:
        os.close(lock)


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen here now."""
    return listening_refused(host, port) is None


def listening_refused(host: str, port: int) -> OSError | None:
    """Try whether a server could listen here now, and say what is in the way."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As servers do it: connections of a former server that are still winding down do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as refusal:
            return refusal
        return None


def _own(lock: int, path: Path, patience: Patience) -> None:
    is_ours = patience.until(lambda: _try_lock(lock), within=DYING_MAY_TAKE)
    if not is_ours and processes.is_alive(owner := _owner(lock)):
        raise CannotStart(f"The data folder {path} is in use by process {owner}; stop that one first (Ctrl-C).")
    # Nobody is there but keepers, which are about to end what they keep.
    if not is_ours and not patience.until(lambda: _try_lock(lock), within=LEFTOVERS_MAY_TAKE):
        raise CannotStart(f"Something of an earlier run still uses {path}; look for processes with that folder's name.")
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(lock: int) -> int:
    written = os.pread(lock, 20, 0)
    return int(written) if written.isdigit() else 0


def _random_ports() -> Iterator[int]:
    return iter(random.SystemRandom().sample(STORE_PORTS, k=1000))
