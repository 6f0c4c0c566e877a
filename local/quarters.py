"""Where PostgreSQL can live: as which user, from which programs, in which folder."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local import children, wheels
from local.children import Command
from local.folder import Folder
from local.identity import MYSELF, Identity, candidates
from local.patience import Patience
from local.refusals import CannotStart

# For root where user namespaces are refused: `nobody` can reach neither a closed home nor our private folder.
OUTSIDE = Path("/var/lib/signet")


@dataclass(frozen=True)
class Quarters:
    """`data` is the cluster's folder; its parent can be written by the identity."""

    identity: Identity
    programs: Path
    data: Path


@contextmanager
def found(folder: Folder, patience: Patience, *, durable: bool) -> Iterator[Quarters]:
    """Find quarters for a block; what is not durable and had to go outside the folder is removed after it."""
    programs = wheels.postgres_programs()
    identity = _identity(programs, folder, patience)
    link = folder.path / "postgres"
    if identity.way != "dropped":
        yield Quarters(identity, programs, link)
        return
    home = _outside(link, identity, durable=durable)
    try:
        yield Quarters(identity, _reachable(programs, identity, folder, patience), home / link.name)
    finally:
        if not durable:
            link.unlink()
            shutil.rmtree(home)


def _identity(programs: Path, folder: Folder, patience: Patience) -> Identity:
    for identity in candidates():
        # Who drops root's rights may not reach the programs yet, but can be given a copy.
        if identity.way == "dropped" or _runs(identity, programs, folder, patience):
            return identity
    raise CannotStart(f"User {os.geteuid()} has no entry in /etc/passwd, without which PostgreSQL does not run here.")


def _runs(identity: Identity, programs: Path, folder: Folder, patience: Patience) -> bool:
    """Whether this identity can start the programs at all: only trying tells what a container allows."""
    if identity == MYSELF:
        return True
    command = Command((str(programs / "postgres"), "--version"), working_folder=Path("/"), identity=identity)
    try:
        return children.run(command, folder, patience, within=20).exit_code == 0
    except CannotStart:
        return False


def _outside(link: Path, identity: Identity, *, durable: bool) -> Path:
    """Make a folder for the data that belongs to the identity, or find that of last time: a link leads to it."""
    if link.exists() and not link.is_symlink():
        raise CannotStart(f"{link} was made in a user namespace, which is refused here: use another SIGNET_DATA_DIR.")
    if link.is_symlink():
        home = link.readlink().parent
        _make(home)
    else:
        home = Path(tempfile.mkdtemp(prefix="signet-", dir=_make(OUTSIDE) if durable else None))
        link.symlink_to(home / link.name)
    home.chmod(0o755)
    os.chown(home, identity.user, identity.group)
    return home


def _make(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as refusal:
        raise CannotStart(f"PostgreSQL must not be root and {folder} cannot be made: {refusal.strerror}.") from refusal
    return folder


def _reachable(programs: Path, identity: Identity, folder: Folder, patience: Patience) -> Path:
    """Find the programs themselves, or make a copy where the identity can reach it."""
    if _runs(identity, programs, folder, patience):
        return programs
    package = programs.parent.parent
    copy = OUTSIDE / f"postgresql-{wheels.postgres_version()}"
    if not copy.exists():
        _copy(package, copy)
    return copy / package.name / "pginstall" / "bin"


def _copy(package: Path, copy: Path) -> None:
    """Copy the programs and the libraries they look for beside them; of two who do it at once the first one wins."""
    draft, libraries = Path(tempfile.mkdtemp(dir=_make(OUTSIDE))), package.with_suffix(".libs")
    shutil.copytree(package / "pginstall", draft / package.name / "pginstall", symlinks=True)
    if libraries.exists():
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    draft.chmod(0o755)
    try:
        draft.rename(copy)
    except OSError:
        shutil.rmtree(draft)
