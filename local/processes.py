"""Which processes there are, and whose children they are. A zombie counts as gone."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
ZOMBIE, STOPPED = "Z", "T"


class Process(NamedTuple):
    parent: int
    state: str


def table() -> dict[int, Process]:
    """Read every process by its id; from /proc where there is one, else from ps (macOS)."""
    return dict(_read_proc() if (PROC / "self" / "stat").exists() else _read_ps())


def descendants(ancestor: int) -> list[int]:
    """List the living children of a process, their children and so on, parents first."""
    processes = table()
    family = [ancestor]
    for member in family:
        family += [pid for pid, process in processes.items() if process.parent == member]
    return [pid for pid in family[1:] if processes[pid].state != ZOMBIE]


def is_alive(pid: int) -> bool:
    process = table().get(pid)
    return process is not None and process.state != ZOMBIE


def are_stopped(pids: list[int]) -> bool:
    processes = table()
    return all(pid not in processes or processes[pid].state in (STOPPED, ZOMBIE) for pid in pids)


def running(command: str) -> list[int]:
    """Find the processes whose command line begins with these words."""
    return [pid for pid in table() if command_line(pid).startswith(command) and is_alive(pid)]


def command_line(pid: int) -> str:
    if (PROC / "self" / "stat").exists():
        with suppress(OSError):
            return os.fsdecode((PROC / str(pid) / "cmdline").read_bytes()).replace("\0", " ")
        return ""
    return _ps("-o", "command=", "-p", str(pid)).strip()


def send(pids: list[int], number: signal.Signals) -> None:
    """Signal each process that is still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _read_proc() -> Iterator[tuple[int, Process]]:
    for entry in os.listdir(PROC):  # noqa: PTH208 - read a hundred times a second while waiting
        if not entry.isdigit():
            continue
        with suppress(OSError):
            # The name in brackets may hold spaces and brackets of its own, so what follows the last bracket counts.
            state, parent = (PROC / entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
            yield int(entry), Process(int(parent), state)


def _read_ps() -> Iterator[tuple[int, Process]]:
    for line in _ps("-axo", "pid=,ppid=,stat=").splitlines():
        pid, parent, state = line.split()[:3]
        yield int(pid), Process(int(parent), state[0])


def _ps(*arguments: str) -> str:
    return subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False).stdout
