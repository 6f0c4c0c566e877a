"""Where PostgreSQL can live: as which user, from which programs, in which folder."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
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
    if identity.way != "dropped":
        yield Quarters(identity, programs, folder.path / "postgres")
        return
    try:
        home = _outside(folder, identity, durable=durable)
        yield Quarters(identity, _reachable(programs, identity, folder, patience), home / "postgres")
    finally:
        if not durable:
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


def _outside(folder: Folder, identity: Identity, *, durable: bool) -> Path:
    """Make a folder for the data that belongs to the identity; a link in the data folder shows where it is."""
    if not durable:
        home = Path(tempfile.mkdtemp(prefix="signet-"))
    else:
        home = OUTSIDE / sha256(os.fsencode(folder.path)).hexdigest()[:16]
        _make(home)
        _link(folder.path / "postgres", home / "postgres")
    os.chown(home, identity.user, identity.group)
    return home


def _link(link: Path, target: Path) -> None:
    if link.exists() and not link.is_symlink():
        raise CannotStart(
            f"{link} belongs to root, and user namespaces, without which PostgreSQL can't use it, are refused."
        )
    if not link.is_symlink():
        link.symlink_to(target)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as refusal:
        raise CannotStart(
            f"PostgreSQL cannot run as root and {folder} cannot be made: {refusal.strerror}."
        ) from refusal


def _reachable(programs: Path, identity: Identity, folder: Folder, patience: Patience) -> Path:
    """Find the programs themselves, or make a copy where the identity can reach it."""
    if _runs(identity, programs, folder, patience):
        return programs
    package, libraries = programs.parent.parent, programs.parent.parent.with_suffix(".libs")
    copy = OUTSIDE / f"postgresql-{wheels.postgres_version()}"
    if not copy.exists():
        _make(OUTSIDE)
        draft = Path(tempfile.mkdtemp(dir=OUTSIDE))
        shutil.copytree(package / "pginstall", draft / package.name / "pginstall", symlinks=True)
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        draft.chmod(0o755)
        draft.rename(copy)
    return copy / package.name / "pginstall" / "bin"
