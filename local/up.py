"""`make up`: the order in which everything starts and stops, and what is said meanwhile."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import NoReturn

from local import postgres, valkey
from local.folder import Folder, opened
from local.patience import Patience
from local.refusals import CannotStart, StopRequested
from local.server import Server
from local.signet import ADMIN, ADMIN_PASSWORD, Signet, Wishes, environment, refuse_taken_ports, shown
from local.terminal import Terminal

FOR_EVER = float("inf")
WELCOME = """
{title}

  Documentation   {address}/docs
  Metrics         {management}/metrics
  Data            {folder}{admin}

{next}

  curl {address}/v1/users -H 'content-type: application/json' \\
       -d '{{"email": "ada@example.com", "password": "an engine of brass"}}'

  TOKEN=$(curl -s {address}/v1/sessions -H 'content-type: application/json' \\
       -d '{{"email": "ada@example.com", "password": "an engine of brass"}}' | sed 's/.*access_token":"//; s/".*//')

  curl {address}/v1/users/me -H "authorization: Bearer $TOKEN"

Ctrl-C stops everything; the data stays.
"""


def up(patience: Patience) -> int:
    """Run everything until somebody asks to stop; the exit code."""
    terminal = Terminal()
    try:
        _run(Wishes(os.environ), terminal, patience)
    except CannotStart as refusal:
        terminal.refuse(str(refusal))
        return 1
    except OSError as refusal:
        # The disk is full, or somebody took a file of ours away.
        terminal.refuse(f"{refusal.filename or 'A file'} cannot be used: {refusal.strerror}.")
        return 1
    except StopRequested:
        terminal.say("Everything has stopped.")
    return 0


def _run(wishes: Wishes, terminal: Terminal, patience: Patience) -> None:
    with opened(wishes.folder, patience) as folder, ExitStack() as running:
        refuse_taken_ports(wishes)
        servers: dict[str, Server] = {}
        if not wishes.names("SIGNET_DATABASE_URL"):
            servers["SIGNET_DATABASE_URL"] = running.enter_context(_postgres(folder, terminal, patience))
        if not wishes.names("SIGNET_REDIS_URL"):
            cache = valkey.available(folder, patience, durable=True, arguments=())
            servers["SIGNET_REDIS_URL"] = running.enter_context(_shown(cache, terminal))
        urls = {setting: server.url for setting, server in servers.items()}
        signet = Signet(folder, patience, environment(wishes, folder, urls))
        is_new = _prepare(signet, terminal)
        service = running.enter_context(_shown(signet.server(wishes), terminal))
        terminal.say(_welcome(wishes, folder, terminal, is_new=is_new))
        _watch([service, *servers.values()], terminal, patience)


@contextmanager
def _postgres(folder: Folder, terminal: Terminal, patience: Patience) -> Iterator[Server]:
    is_new = not (folder.path / "postgres").exists()
    making = terminal.step(
        "Making PostgreSQL's databases, this first time only", "PostgreSQL's databases have been made"
    )
    with ExitStack() as stack:
        with making if is_new else nullcontext():
            server = stack.enter_context(postgres.available(folder, patience, durable=True, settings={}))
        yield stack.enter_context(_shown(server, terminal))


@contextmanager
def _shown(server: Server, terminal: Terminal) -> Iterator[Server]:
    """Start a server for a block, stop it afterwards, and say both."""
    try:
        done = f"{server.name} answers at {_place(server)}"
        with terminal.step(f"Starting {server.name}", done, is_alone=server.log is not None):
            server.start()
        yield server
    finally:
        if server.is_running:
            done = f"{server.name} has stopped"
            with terminal.step(f"Stopping {server.name}", done, is_alone=server.log is not None):
                server.stop()


def _prepare(signet: Signet, terminal: Terminal) -> bool:
    """Make the tables and the admin; whether the admin is new."""
    with terminal.step("Bringing the database schema up to date", "The database schema is up to date"):
        signet.migrate()
    with terminal.step("Looking for the admin account") as step:
        is_new = signet.create_admin()
        step.done = f"The admin account {ADMIN} {'has been created' if is_new else 'is there'}"
    return is_new


def _watch(servers: list[Server], terminal: Terminal, patience: Patience) -> NoReturn:
    """Wait for a requested stop, a closed terminal or a server that ends by itself."""
    ended: list[Server] = []

    def is_over() -> bool:
        ended.extend(server for server in servers if not server.is_running)
        return bool(ended) or terminal.is_closed

    patience.until(is_over, within=FOR_EVER, pause=0.2)
    if not ended:
        raise StopRequested
    first = ended[0]
    where = f"see {first.log}" if first.log else "what it said last stands above"
    raise CannotStart(f"{first.name} ended by itself (exit code {first.exit_code}); {where}.")


def _place(server: Server) -> str:
    """Name host and port of a server's address, without its password."""
    return server.url.partition("://")[2].rpartition("@")[2].partition("/")[0]


def _welcome(wishes: Wishes, folder: Folder, terminal: Terminal, *, is_new: bool) -> str:
    admin = f"\n  Admin           {ADMIN}, password in {shown(folder.path / ADMIN_PASSWORD)}"
    if is_new:
        admin += f"\n  Password        {folder.secret(ADMIN_PASSWORD)} (shown this once)"
    return WELCOME.format(
        title=terminal.bold(f"Signet is running at {wishes.address}"),
        next=terminal.bold("Try in another terminal: register, sign in, see yourself"),
        address=wishes.address,
        management=f"http://{wishes.reachable_host}:{wishes.management_port}",
        folder=shown(folder.path),
        admin=admin,
    )
