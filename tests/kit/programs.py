"""`python -m service ...` as a process of its own, begun from one that has imported everything already.

What runs is the same, with the same environment, files and exit code; only the second of imports is saved, some hundred
times in a run of the tests. What measures processes, or is about their very beginning, starts them cold.
"""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from io import TextIOWrapper
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

ROOT = Path(__file__).parents[2]
_IMPORTED = ["service.app", "service.server", "service.commands", "service.commands.checking", "tests.kit.programs"]


class Program(Protocol):
    """A process that was started; as subprocess.Popen has it."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


# Starts a module with these arguments and this environment; what it prints goes into the file.
Start = Callable[[Sequence[str], Mapping[str, str], Path], Program]


def cold(words: Sequence[str], environment: Mapping[str, str], output: Path) -> Program:
    """Start it as anybody would."""
    with output.open("wb") as file:
        return subprocess.Popen([sys.executable, "-m", *words], env=environment, cwd=ROOT, stdout=file, stderr=file)


def warm(words: Sequence[str], environment: Mapping[str, str], output: Path) -> Program:
    """Start it where everything is imported."""
    return _Forked(words, environment, os.devnull, str(output), str(output))


def run(
    words: Sequence[str], environment: Mapping[str, str], given: str = "", timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run it to its end, where everything is imported; `given` is what it reads from its input."""
    with TemporaryDirectory() as folder:
        asked, printed, said = [Path(folder, name) for name in ("asked", "printed", "said")]
        asked.write_text(given, encoding="utf-8")
        forked = _Forked(words, environment, str(asked), str(printed), str(said))
        try:
            code = forked.wait(timeout)
        finally:
            forked.kill()
        return subprocess.CompletedProcess(words, code, printed.read_text("utf-8"), said.read_text("utf-8"))


class _Forked:
    """A child of the process that has imported everything."""

    def __init__(
        self, words: Sequence[str], environment: Mapping[str, str], given: str, printed: str, said: str
    ) -> None:
        for path in {printed, said}:
            Path(path).write_bytes(b"")
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_IMPORTED)
        self._process: ForkServerProcess = context.Process(
            target=_become, args=(list(words), dict(environment), given, printed, said)
        )
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return code

    def send_signal(self, sig: int, /) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _become(words: list[str], environment: dict[str, str], given: str, printed: str, said: str) -> None:
    """Be `python -m <words>`, as far as it can tell."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    flags = os.O_WRONLY | os.O_APPEND
    for number, opened in enumerate((os.open(given, os.O_RDONLY), os.open(printed, flags), os.open(said, flags))):
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = TextIOWrapper(open(0, "rb", closefd=False), encoding="utf-8")  # noqa: SIM115 - as at start
    sys.argv = [words[0], *words[1:]]
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)
