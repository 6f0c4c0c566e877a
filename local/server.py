"""A server one can start, stop, kill, freeze and thaw. Every step is over when the call returns, or raises."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from local import children, processes
from local.children import Child, Command
from local.folder import Folder
from local.patience import Patience
from local.refusals import CannotStart

LOG_LIMIT = 8_000_000


@dataclass
class Server:
    """A server in a data folder. `url` tells clients where it listens, also while it is down.

    `mark` is how the command line of a process begins that serves these same files: such a process is a leftover of a
    run that was killed together with its keepers. Without a `log` the server writes to our terminal.
    """

    name: str
    command: Command
    folder: Folder
    patience: Patience
    is_ready: Callable[[Child], bool]
    last_words: Callable[[str], str]
    url: str = field(default="", repr=False)
    log: Path | None = None
    mark: str = ""
    clear: Callable[[], None] = lambda: None
    stop_signal: signal.Signals = signal.SIGTERM
    start_within: float = 60
    stop_within: float = 15
    _child: Child | None = field(default=None, repr=False)

    @property
    def is_running(self) -> bool:
        """Whether its process is there; also while it is frozen."""
        return self._child is not None and self._child.exit_code is None

    @property
    def pid(self) -> int:
        """The process id of the server itself; 0 before its first start."""
        return self._child.pid if self._child else 0

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._child.exit_code if self._child else None

    def start(self) -> None:
        """Start it and return when it answers; a running server is left alone."""
        if self.is_running:
            return
        self._end_leftovers()
        said_before = self._open_log()
        child = self._child = self._launch()
        self.patience.until(lambda: child.exit_code is not None or self.is_ready(child), within=self.start_within)
        if child.exit_code is None and self.is_ready(child):
            return
        words = self.last_words(self._said_since(said_before))
        self.kill()
        raise CannotStart(f"{self.name} did not start: {words}")

    def stop(self) -> None:
        """Shut it down in order; past its deadline it is killed. A stopped server is left alone."""
        if self._child is not None and self.is_running:
            self.thaw()
            children.end(self._child, self.patience, by=self.stop_signal, within=self.stop_within)

    def kill(self) -> None:
        """SIGKILL for the server and every process of its own, all at once: a crash."""
        if self._child is not None:
            family = self._child.send_all(signal.SIGKILL)
            gone = self.patience.until(lambda: not (self.is_running or any(map(processes.is_alive, family))), within=10)
            self._insist(gone, "killed")

    def freeze(self) -> None:
        """SIGSTOP for the server and every process of its own: connections stay open, nothing is answered."""
        self._insist(self._child is not None and self.patience.until(self._is_frozen, within=10), "frozen")

    def thaw(self) -> None:
        """Let a frozen server go on where it was."""
        if self._child is not None:
            self._child.send_all(signal.SIGCONT)

    @contextmanager
    def running(self) -> Iterator["Server"]:
        """Start it for a block and stop it afterwards, also when the start itself is given up."""
        try:
            self.start()
            yield self
        finally:
            self.stop()

    def _is_frozen(self) -> bool:
        # A server may start a process between two looks, so this is only true once a look finds everybody stopped.
        return self._child is not None and processes.are_stopped(self._child.send_all(signal.SIGSTOP))

    def _launch(self) -> Child:
        if self.log is None:
            return children.start(self.command, self.folder, output=None)
        with self.log.open("ab") as log:
            return children.start(self.command, self.folder, output=log)

    def _end_leftovers(self) -> None:
        for pid in processes.running(self.mark) if self.mark else []:
            family = [pid, *processes.descendants(pid)]
            processes.send(family, signal.SIGKILL)
            gone = self.patience.until(lambda family=family: not any(map(processes.is_alive, family)), within=10)  # type: ignore[misc]
            self._insist(gone, "ended, though it is left over from an earlier run")
        self.clear()

    def _open_log(self) -> int:
        """Start the log afresh when it has grown large; where this run's part begins."""
        if self.log is None or not self.log.exists():
            return 0
        if self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.old"))
            return 0
        return self.log.stat().st_size

    def _said_since(self, offset: int) -> str:
        if self.log is None:
            return ""
        return self.log.read_bytes()[offset:].decode(errors="replace")

    def _insist(self, fact: bool, what: str) -> None:  # noqa: FBT001 - the fact is the subject
        if not fact:
            raise CannotStart(f"{self.name} could not be {what}.")
