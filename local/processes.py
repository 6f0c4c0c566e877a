"""Which processes there are, and whose children they are. A zombie counts as gone."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
HAS_PROC = (PROC / "self" / "stat").exists()
ZOMBIE, STOPPED = "Z", "T"


class Process(NamedTuple):
    parent: int
    state: str


def table() -> dict[int, Process]:
    """Read every process by its id; from /proc where there is one, else from ps (macOS)."""
    return dict(_read_states() if HAS_PROC else _ask_for_states())


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
    return [pid for pid, line in command_lines().items() if line.startswith(command) and is_alive(pid)]


def command_lines() -> dict[int, str]:
    """Read the command line of every process that shows it, its words separated by spaces."""
    return dict(_read_command_lines() if HAS_PROC else _ask_for_command_lines())


def send(pids: list[int], number: signal.Signals) -> None:
    """Signal each process that is still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _read_states() -> Iterator[tuple[int, Process]]:
    for entry in os.listdir(PROC):  # noqa: PTH208 - read a hundred times a second while waiting
        if not entry.isdigit():
            continue
        with suppress(OSError):
            # The name in brackets may hold spaces and brackets of its own, so what follows the last bracket counts.
            state, parent = (PROC / entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
            yield int(entry), Process(int(parent), state)


def _read_command_lines() -> Iterator[tuple[int, str]]:
    for pid in table():
        with suppress(OSError):
            yield pid, os.fsdecode((PROC / str(pid) / "cmdline").read_bytes()).replace("\0", " ")


def _ask_for_states() -> Iterator[tuple[int, Process]]:
    for line in _ps("pid=,ppid=,stat="):
        pid, parent, state = line.split()[:3]
        yield int(pid), Process(int(parent), state[0])


def _ask_for_command_lines() -> Iterator[tuple[int, str]]:
    for line in _ps("pid=,command="):
        pid, _, command = line.strip().partition(" ")
        yield int(pid), command.strip()


def _ps(columns: str) -> list[str]:
    """Ask for the process id and more of every process except the ps that answers."""
    with subprocess.Popen(["ps", "-axwwo", columns], stdout=subprocess.PIPE, text=True, errors="replace") as ps:
        answer = ps.communicate()[0]
    return [line for line in answer.splitlines() if line.split()[0] != str(ps.pid)]
