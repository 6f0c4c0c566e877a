"""Makes `.venv` hold what a lock file says. It runs with any Python of the machine and does nothing the second time."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from local.refusals import CannotStart
from local.terminal import Terminal

FOLDER = Path(".venv")
PYTHON = FOLDER / "bin" / "python"
STAMPS = FOLDER / "locked"
# It exists while packages are being installed: what an interrupted pip leaves behind is not to be trusted.
UNFINISHED = STAMPS / "unfinished"
VERSION = ".".join(str(part) for part in sys.version_info[:2])
COLLECTING = re.compile(r"Collecting ([\w.-]+)==")


def main() -> int:
    """Install the lock file named on the command line; the exit code."""
    terminal = Terminal()
    try:
        install(Path(sys.argv[1]), terminal)
    except CannotStart as refusal:
        terminal.refuse(str(refusal))
        return 1
    except KeyboardInterrupt:
        terminal.refuse("Installing was interrupted; the next run starts it afresh.")
        return 130
    return 0


def install(lock: Path, terminal: Terminal) -> None:
    """Bring `.venv` to this lock file, from nothing, from an older lock or from a half-made state."""
    stamp = STAMPS / f"{lock.stem}-{sha256(lock.read_bytes()).hexdigest()}"
    if _is_sound() and stamp.exists():
        return
    try:
        with _alone(lock.parent):
            if not _is_sound():
                _create(terminal)
            if not stamp.exists():
                _fill(lock, terminal)
                stamp.touch()
    except OSError as refusal:
        raise CannotStart(f"{refusal.filename or FOLDER} cannot be written: {refusal.strerror}.") from refusal


def _is_sound() -> bool:
    """Whether `.venv` was finished, its Python still runs and is of the version that runs us."""
    if UNFINISHED.exists() or not STAMPS.is_dir() or not PYTHON.exists():
        return False
    question = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([PYTHON, "-c", question], capture_output=True, text=True, check=False)
    return answer.stdout.strip() == VERSION


def _create(terminal: Terminal) -> None:
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian ships Python without it
        import venv  # noqa: PLC0415 - the same
    except ImportError as missing:
        package = f"python{VERSION}-venv"
        raise CannotStart(
            f"This Python cannot make virtual environments ({missing.name} is missing): "
            f"install it (on Debian and Ubuntu: apt-get install {package}) or choose another with make PYTHON=..."
        ) from missing
    with terminal.step(f"Making {FOLDER} with Python {VERSION}", f"{FOLDER} has been made with Python {VERSION}"):
        shutil.rmtree(FOLDER, ignore_errors=True)
        try:
            venv.EnvBuilder(with_pip=True, symlinks=True).create(FOLDER)
        except subprocess.CalledProcessError as refusal:
            raise CannotStart(
                f"pip could not be put into {FOLDER}; `{' '.join(map(str, refusal.cmd))}` tells why."
            ) from refusal
        STAMPS.mkdir()


def _fill(lock: Path, terminal: Terminal) -> None:
    packages = len(re.findall(r"^[\w.-]+==", lock.read_text(), re.MULTILINE))
    doing = f"Installing the {packages} packages of {lock} into {FOLDER}"
    UNFINISHED.touch()
    with terminal.step(f"{doing}, half a minute the first time", f"{lock} is installed in {FOLDER}"):
        _run_pip(lock, terminal, packages)
    UNFINISHED.unlink()


def _run_pip(lock: Path, terminal: Terminal, packages: int) -> None:
    arguments = ["install", "--require-hashes", "--no-input", "--progress-bar=off", "--requirement", str(lock)]
    pip = subprocess.Popen(
        [PYTHON, "-m", "pip", "--disable-pip-version-check", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    said: list[str] = []
    with pip:
        for line in pip.stdout or ():
            said.append(line.strip())
            _show_progress(said, terminal, packages)
    if pip.returncode != 0:
        reason = next(
            (line for line in reversed(said) if line.startswith("ERROR")), said[-1] if said else "it said nothing"
        )
        raise CannotStart(f"pip could not install {lock}: {reason.removeprefix('ERROR: ')}")


def _show_progress(said: list[str], terminal: Terminal, packages: int) -> None:
    """Count along on a terminal; a log file needs no counting."""
    if not terminal.is_live:
        return
    if match := COLLECTING.match(said[-1]):
        collected = sum(1 for line in said if COLLECTING.match(line))
        terminal.progress(f"Fetching package {collected} of {packages}: {match[1]}")
    elif said[-1].startswith("Installing collected packages"):
        terminal.progress(f"Installing {packages} packages")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let only one make at a time work on `.venv`. The lock is on a folder that is always there."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


if __name__ == "__main__":
    sys.exit(main())
