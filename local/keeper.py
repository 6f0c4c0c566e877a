"""Runs one program and ends it, with all its descendants, when whoever asked for it is gone.

A keeper stands between us and each server. It holds the reading end of a pipe that only we can write to: when we end,
however we end, that pipe closes. On Linux the kernel also ends the server should the keeper itself be killed.
"""

import os
import select
import signal
from collections.abc import Sequence
from typing import NoReturn

from local import processes
from local.identity import Identity, adopt_orphans, end_with_parent

IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE = 3.0


def keep(arguments: Sequence[str]) -> NoReturn:
    """Live a keeper's whole life: start, report the process id or why not, wait, and exit as the program did."""
    inherited, last_signal, identity, *command = arguments
    lifeline, report, *_ = descriptors = [int(number) for number in inherited.split(",")]
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    adopt_orphans()
    woken = _wake_on_a_childs_end()
    ending = signal.Signals(int(last_signal))
    pid = _start(command, Identity.parse(identity), ending, report)
    os._exit(_watch(pid, lifeline, woken, ending))


def _wake_on_a_childs_end() -> int:
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return woken


def _start(command: list[str], identity: Identity, ending: signal.Signals, report: int) -> int:
    """Start the program. It has begun once the pipe it would complain on has closed without a word."""
    keeper = os.getpid()
    complaint, complain = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(command, identity, ending, keeper, complain)
    os.close(complain)
    words = os.read(complaint, 1000)
    os.write(report, words or str(pid).encode())
    os.close(report)
    return pid


def _become(command: list[str], identity: Identity, ending: signal.Signals, keeper: int, complain: int) -> NoReturn:
    try:
        for number in (*IGNORED, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        identity.assume()
        end_with_parent(ending)
        if os.getppid() == keeper:
            os.execv(command[0], command)  # noqa: S606 - a program we chose, without a shell
    except OSError as refusal:
        os.write(complain, f"{refusal.strerror} ({command[0]})".encode())
    os._exit(127)


def _watch(pid: int, lifeline: int, woken: int, ending: signal.Signals) -> int:
    status = _reap(pid)
    while status is None:
        ready, _, _ = select.select([lifeline, woken], [], [])
        if lifeline in ready:
            return _end(pid, woken, ending)
        os.read(woken, 100)
        status = _reap(pid)
    _kill_descendants()
    return status


def _end(pid: int, woken: int, ending: signal.Signals) -> int:
    """Nobody is left to ask for more: end the program, kindly first; a frozen one has to be thawed to hear it."""
    processes.send([pid], ending)
    processes.send(processes.descendants(os.getpid()), signal.SIGCONT)
    status = _reap(pid)
    while status is None and select.select([woken], [], [], GRACE)[0]:
        os.read(woken, 100)
        status = _reap(pid)
    _kill_descendants()
    return 0


def _kill_descendants() -> None:
    while family := processes.descendants(os.getpid()):
        processes.send(family, signal.SIGKILL)
        select.select([], [], [], 0.005)
        _reap(family[0])


def _reap(program: int) -> int | None:
    """Collect every child that has ended; the program's exit status once it is among them (128 + n by signal n)."""
    result = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return result
        if pid == 0:
            return result
        if pid == program:
            code = os.waitstatus_to_exitcode(status)
            result = code if code >= 0 else 128 - code
