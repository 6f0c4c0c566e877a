"""Processes that end with us, however we end."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from local import processes
from local.folder import Folder
from local.identity import MYSELF, Identity
from local.patience import Patience
from local.refusals import CannotStart, StopRequested

ROOT = Path(__file__).resolve().parent.parent
# The keeper is started without site-packages and without the user's Python variables: in 20 ms, and only from here.
KEEPER = "import sys; sys.path.insert(0, sys.argv.pop(1)); from local.keeper import keep; keep(sys.argv[1:])"


@dataclass(frozen=True)
class Command:
    """What to run, where and as whom, and what its keeper sends it when we are gone."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    working_folder: Path = ROOT
    identity: Identity = MYSELF
    last_signal: signal.Signals = signal.SIGTERM


class Child:
    """A running program and its keeper. It may be started from any thread: it is the pipe that ties it to us."""

    def __init__(self, keeper: subprocess.Popen[bytes], pid: int, lifeline: int) -> None:
        self.pid = pid
        self._keeper = keeper
        self._lifeline = lifeline

    @property
    def exit_code(self) -> int | None:
        """None while it runs; 128 + n when signal n ended it."""
        code = self._keeper.poll()
        if code is not None and self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        return code

    def send(self, number: signal.Signals) -> None:
        """Signal the program itself."""
        if self.exit_code is None:
            processes.send([self.pid], number)

    def send_all(self, number: signal.Signals) -> list[int]:
        """Signal the program and all its descendants, whatever process groups they made for themselves."""
        family = processes.descendants(self._keeper.pid)
        processes.send(family, number)
        return family


@dataclass(frozen=True)
class Finished:
    exit_code: int
    output: str

    @property
    def last_line(self) -> str:
        return next((line for line in reversed(self.output.splitlines()) if line.strip()), "it said nothing").strip()


def start(command: Command, folder: Folder, *, stdin: int = subprocess.DEVNULL, output: IO[bytes] | None) -> Child:
    """Start a program behind a keeper. Without `output` it writes to our terminal."""
    ear, lifeline = os.pipe()
    answer, report = os.pipe()
    try:
        keeper = subprocess.Popen(
            _keeper_arguments(command, (ear, report, folder.lock)),
            env=dict(command.environment),
            cwd=command.working_folder,
            stdin=stdin,
            stdout=output,
            stderr=output and subprocess.STDOUT,
            pass_fds=(ear, report, folder.lock),
            start_new_session=True,
        )
    except BaseException:
        os.close(lifeline)
        os.close(answer)
        raise
    finally:
        os.close(ear)
        os.close(report)
    return _reported(keeper, answer, lifeline)


def run(command: Command, folder: Folder, patience: Patience, *, text: str = "", within: float) -> Finished:
    """Run a program to its end with this text as its input; a requested stop or the deadline ends it."""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as output:
        stdin.write(text.encode())
        stdin.seek(0)
        child = start(command, folder, stdin=stdin.fileno(), output=output)
        try:
            is_done = patience.until(lambda: child.exit_code is not None, within=within)
        except (StopRequested, KeyboardInterrupt):
            end(child, patience, by=command.last_signal, within=5)
            raise
        code = end(child, patience, by=command.last_signal, within=0 if not is_done else 5)
        output.seek(0)
        return Finished(code, output.read().decode(errors="replace"))


def end(child: Child, patience: Patience, *, by: signal.Signals, within: float) -> int:
    """Ask a program to end, then end it with all its descendants; its exit code."""
    child.send(by)
    if not patience.until(lambda: child.exit_code is not None, within=within):
        child.send_all(signal.SIGKILL)
        patience.until(lambda: child.exit_code is not None, within=10)
    code = child.exit_code
    return -1 if code is None else code


def _keeper_arguments(command: Command, descriptors: tuple[int, ...]) -> list[str]:
    inherited = ",".join(str(number) for number in descriptors)
    words = [inherited, str(int(command.last_signal)), str(command.identity), *command.arguments]
    return [sys.executable, "-I", "-S", "-c", KEEPER, str(ROOT), *words]


def _reported(keeper: subprocess.Popen[bytes], answer: int, lifeline: int) -> Child:
    with open(answer, "rb") as pipe:
        words = pipe.read().decode(errors="replace")
    if words.isdigit():
        return Child(keeper, int(words), lifeline)
    os.close(lifeline)
    with suppress(subprocess.TimeoutExpired):
        keeper.wait(timeout=10)
    raise CannotStart(f"A program could not be started: {words or 'its keeper ended'}.")
