"""The service's own commands: what each is told, and how it is called. The service itself is never imported."""

import errno
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from local import children
from local.children import Command
from local.folder import Folder, listening_refused
from local.patience import Patience
from local.refusals import CannotStart
from local.server import Server

ADMIN = "admin@example.com"
ADMIN_PASSWORD = "admin-password"  # noqa: S105 - the name of its file
OK = 200


@dataclass(frozen=True)
class Wishes:
    """What the environment asks of us; everything in it goes on to the service unchanged."""

    environment: Mapping[str, str]

    @property
    def folder(self) -> Path:
        return Path(self.environment.get("SIGNET_DATA_DIR") or ".signet").absolute()

    @property
    def host(self) -> str:
        return self.environment.get("SIGNET_HOST") or "127.0.0.1"

    @property
    def port(self) -> int:
        return self._port("SIGNET_PORT", 8000)

    @property
    def management_port(self) -> int:
        return self._port("SIGNET_MANAGEMENT_PORT", 9000)

    @property
    def reachable_host(self) -> str:
        """Where a client on this machine finds the service."""
        host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - read only
        return f"[{host}]" if ":" in host else host

    @property
    def address(self) -> str:
        return f"http://{self.reachable_host}:{self.port}"

    def names(self, setting: str) -> bool:
        """Whether the user has set it, also as a file."""
        return bool(self.environment.get(setting) or self.environment.get(f"{setting}_FILE"))

    def _port(self, setting: str, default: int) -> int:
        value = self.environment.get(setting) or str(default)
        if not (value.isdecimal() and 0 < int(value) < 65536):  # noqa: PLR2004 - ports have 16 bits
            raise CannotStart(f"{setting} must be a port number from 1 to 65535, not {value!r}.")
        return int(value)


def refuse_taken_ports(wishes: Wishes) -> None:
    ports = {"SIGNET_PORT": wishes.port, "SIGNET_MANAGEMENT_PORT": wishes.management_port}
    if wishes.port == wishes.management_port:
        raise CannotStart(f"SIGNET_PORT and SIGNET_MANAGEMENT_PORT are both {wishes.port}; give them different ones.")
    for setting, port in ports.items():
        refusal = listening_refused(wishes.host, port)
        if refusal is not None and refusal.errno == errno.EADDRINUSE:
            raise CannotStart(
                f"Port {port} on {wishes.host} is taken by another program; end that one or set {setting}."
            )
        if refusal is not None:
            raise CannotStart(f"Signet cannot listen at port {port} of {wishes.host}: {refusal.strerror}.")


def environment(wishes: Wishes, folder: Folder, urls: Mapping[str, str]) -> dict[str, str]:
    """Write the environment of the service: ours where the user has set nothing."""
    ours = {
        "SIGNET_MODE": "development",
        "SIGNET_REGISTRATION": "open",
        "SIGNET_HOST": wishes.host,
        "SIGNET_PORT": str(wishes.port),
        "SIGNET_MANAGEMENT_PORT": str(wishes.management_port),
        "SIGNET_PUBLIC_URL": wishes.address,
        "SIGNET_SECRET_KEYS": folder.secret("secret-keys"),
        "SIGNET_LOG_FORMAT": "console",
        # No balancer has to look elsewhere before the service may end.
        "SIGNET_DRAIN": "0",
        **urls,
    }
    chosen = {name: value for name, value in ours.items() if not wishes.names(name)}
    return {**wishes.environment, **chosen, "SIGNET_DATA_DIR": str(folder.path)}


@dataclass(frozen=True)
class Signet:
    """The service as a program."""

    folder: Folder
    patience: Patience
    environment: Mapping[str, str]

    def migrate(self) -> None:
        self._run("migrate", within=600)

    def create_admin(self) -> bool:
        """Create the first admin unless there is one of that name; whether it is new."""
        self.folder.secret(ADMIN_PASSWORD)
        file = str(self.folder.path / ADMIN_PASSWORD)
        words = ("users", "create", ADMIN, "--role", "admin", "--password-file", file, "--if-absent")
        return any(line.startswith("created ") for line in self._run(*words, within=60).splitlines())

    def server(self, wishes: Wishes) -> Server:
        """Describe the service as a server that writes to our terminal."""
        return Server(
            name="Signet",
            # Without us nobody waits for its answers, while the next run waits for its port.
            command=self._command("serve", last_signal=signal.SIGKILL),
            folder=self.folder,
            patience=self.patience,
            is_ready=lambda _: _answers(wishes.reachable_host, wishes.management_port),
            last_words=lambda _: "what it said stands above.",
            url=wishes.address,
            stop_within=60,
        )

    def _run(self, *words: str, within: float) -> str:
        done = children.run(self._command(*words), self.folder, self.patience, within=within)
        if done.exit_code != 0:
            reason = done.last_line.removeprefix("signet: ").removeprefix("Error: ")
            raise CannotStart(f"`python -m service {words[0]}` has refused: {reason}")
        return done.output

    def _command(self, *words: str, last_signal: signal.Signals = signal.SIGTERM) -> Command:
        arguments = (sys.executable, "-m", "service", *words)
        return Command(arguments, environment=self.environment, last_signal=last_signal)


def _answers(host: str, port: int) -> bool:
    """Whether the service says that it is ready. No proxy of the environment comes in between."""
    with suppress(OSError, HTTPException), closing(HTTPConnection(host, port, timeout=2)) as connection:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == OK
    return False


def shown(path: Path) -> str:
    """Write a path as short as it can be typed here."""
    here = Path(os.getcwd())  # noqa: PTH109 - the same
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
