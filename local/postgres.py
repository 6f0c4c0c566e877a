"""A PostgreSQL of our own: making its databases, and the server that serves them."""

import re
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from local import children, processes, wheels
from local.children import Child, Command
from local.folder import Folder
from local.patience import Patience
from local.quarters import Quarters, found
from local.refusals import CannotStart
from local.server import Server

OWNER, SUPERUSER, DATABASE = "signet", "postgres", "signet"
ALWAYS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_preload_libraries": "pg_stat_statements",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# What was committed survives the crash of every process, though not that of the machine.
THROW_AWAY = {"fsync": "off", "full_page_writes": "off"}
# Text sorts by code point and upper and lower case are Unicode's, the same on every system.
INITDB = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions")
ACCESS = "host all all 127.0.0.1/32 scram-sha-256\n"
COMPLAINT = re.compile(r"(?:FATAL|PANIC|ERROR|error):\s+(.+)")


@contextmanager
def available(folder: Folder, patience: Patience, *, durable: bool, settings: Mapping[str, str]) -> Iterator[Server]:
    """Describe a server that can be started; its databases are made at the first time."""
    with found(folder, patience, durable=durable) as quarters:
        if not quarters.data.exists():
            _create(quarters, folder, patience, durable=durable)
        _refuse_other_major_version(quarters.data, folder)
        yield _server(quarters, folder, patience, _options(settings, durable=durable))


def superuser_url(server: Server) -> str:
    """Address the same database as the one role that may do anything: for tests, never for the service."""
    port = server.url.rpartition(":")[2].partition("/")[0]
    return _url(server.folder, SUPERUSER, int(port))


def _server(quarters: Quarters, folder: Folder, patience: Patience, options: tuple[str, ...]) -> Server:
    port = folder.port("postgres")
    arguments = ("-D", str(quarters.data), "-p", str(port), *options)
    return Server(
        name=f"PostgreSQL {wheels.postgres_version()}",
        command=_command(quarters, "postgres", *arguments),
        folder=folder,
        patience=patience,
        is_ready=partial(_is_ready, quarters.data / "postmaster.pid"),
        last_words=_complaint,
        url=_url(folder, OWNER, port),
        log=folder.path / "postgres.log",
        mark=f"{quarters.programs / 'postgres'} -D {quarters.data} ",
        clear=partial(_remove_stale_lock, quarters.data / "postmaster.pid"),
        stop_signal=signal.SIGINT,
    )


def _create(quarters: Quarters, folder: Folder, patience: Patience, *, durable: bool) -> None:
    """Make the cluster beside its place and move it there when it is complete: no half-made one is ever found."""
    draft = quarters.data.with_name("postgres.new")
    shutil.rmtree(draft, ignore_errors=True)
    haste = () if durable else ("--no-sync",)
    # Nobody may come in before the roles have their passwords, and then only by SCRAM.
    _run(quarters, folder, patience, "initdb", "-D", str(draft), "-U", SUPERUSER, "--auth=reject", *INITDB, *haste)
    (draft / "pg_hba.conf").write_text(ACCESS)
    single = ("--single", "-D", str(draft), *_options({}, durable=durable), "template1")
    _run(quarters, folder, patience, "postgres", *single, text=_statements(folder))
    draft.rename(quarters.data)


def _statements(folder: Folder) -> str:
    """Write what makes the service's own role and database, one statement a line. The role may do nothing else."""
    return "\n".join(
        [
            "CREATE EXTENSION pg_stat_statements",
            f"ALTER ROLE {SUPERUSER} PASSWORD '{folder.secret('postgres-superuser-password')}'",
            f"CREATE ROLE {OWNER} LOGIN PASSWORD '{folder.secret('postgres-password')}'",
            f"CREATE DATABASE {DATABASE} OWNER {OWNER}",
            "",
        ]
    )


def _run(quarters: Quarters, folder: Folder, patience: Patience, program: str, *arguments: str, text: str = "") -> None:
    done = children.run(_command(quarters, program, *arguments), folder, patience, text=text, within=120)
    # In single-user mode a failed statement is said and nothing else.
    if done.exit_code != 0 or COMPLAINT.search(done.output):
        raise CannotStart(f"PostgreSQL's databases could not be made: {_complaint(done.output)}")


def _command(quarters: Quarters, program: str, *arguments: str) -> Command:
    return Command(
        (str(quarters.programs / program), *arguments),
        working_folder=Path("/"),
        identity=quarters.identity,
        last_signal=signal.SIGQUIT,
    )


def _options(settings: Mapping[str, str], *, durable: bool) -> tuple[str, ...]:
    chosen = ALWAYS | ({} if durable else THROW_AWAY) | dict(settings)
    return tuple(word for name, value in chosen.items() for word in ("-c", f"{name}={value}"))


def _url(folder: Folder, role: str, port: int) -> str:
    secret = folder.secret("postgres-password" if role == OWNER else "postgres-superuser-password")
    return f"postgresql://{role}:{secret}@127.0.0.1:{port}/{DATABASE}"


def _refuse_other_major_version(data: Path, folder: Folder) -> None:
    made_by = (data / "PG_VERSION").read_text().strip()
    ours = wheels.postgres_version().partition(".")[0]
    if made_by != ours:
        raise CannotStart(
            f"{folder.path / 'postgres'} was made by PostgreSQL {made_by} and cannot be read by PostgreSQL {ours}: "
            f"move {folder.path} away to start afresh, or carry the data over with pg_dump of {made_by}."
        )


def _is_ready(lock_file: Path, child: Child) -> bool:
    """Whether this server, and not an earlier one, says so in its lock file, which is how pg_ctl knows too."""
    with suppress(OSError):
        lines = lock_file.read_text().splitlines()
        return len(lines) > 7 and lines[0].strip() == str(child.pid) and lines[7].strip() == "ready"  # noqa: PLR2004
    return False


def _remove_stale_lock(lock_file: Path) -> None:
    """Remove a lock file whose number now belongs to a zombie or a stranger: PostgreSQL would believe it.

    One whose process is gone altogether PostgreSQL removes itself, after looking for survivors.
    """
    with suppress(OSError, ValueError):
        if int(lock_file.read_text().splitlines()[0]) in processes.table():
            lock_file.unlink()


def _complaint(output: str) -> str:
    """Find PostgreSQL's own reason: its first complaint is the cause of the others."""
    complaint = COMPLAINT.search(output)
    return complaint[1].rstrip(".") + "." if complaint else "it gave no reason."
