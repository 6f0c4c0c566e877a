"""What a person at a terminal sees: each step as it happens, and one sentence when something cannot be."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from typing import TextIO

GREEN, BOLD, DIM, RED, PLAIN = "\033[32m", "\033[1m", "\033[2m", "\033[31m", "\033[0m"
CLEAR_LINE = "\r\033[K"


@dataclass
class Step:
    """A step under way; `done` is what it will have been."""

    done: str


class Terminal:
    """Writes steps to stdout and refusals to stderr: with colours and in place on a terminal, plain elsewhere."""

    def __init__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                # A terminal that cannot show a character gets a question mark, not a stack trace.
                stream.reconfigure(errors="replace", line_buffering=True)
        self._is_one = sys.stdout.isatty()
        self.is_live = self._is_one and os.environ.get("TERM") != "dumb"
        self._has_colours = self.is_live and not os.environ.get("NO_COLOR")

    @property
    def is_closed(self) -> bool:
        """Whether it was a terminal and is none any more, which the system tells its first program only."""
        return self._is_one and not os.isatty(sys.stdout.fileno())

    def say(self, text: str = "", *, end: str = "\n") -> None:
        """Print a line."""
        _print(text + end, sys.stdout)

    def refuse(self, sentence: str) -> None:
        """Print why it cannot be."""
        if self.is_live:
            self.say(CLEAR_LINE, end="")
        _print(f"{self._coloured(RED, 'signet: ')}{sentence}\n", sys.stderr)

    def bold(self, text: str) -> str:
        return self._coloured(BOLD, text)

    @contextmanager
    def step(self, doing: str, done: str = "", *, is_alone: bool = True) -> Iterator[Step]:
        """Say what is being done, and when the block is through, what has been done and how long it took.

        The second takes the place of the first on a terminal, where nobody else writes meanwhile.
        """
        step, began = Step(done or doing), time.monotonic()
        if is_alone:
            self.progress(doing)
        else:
            self.say(f"  {doing} ..." if self.is_live else f"{doing} ...")
        yield step
        took = self._coloured(DIM, f"({time.monotonic() - began:.1f} s)")
        mark = f"{CLEAR_LINE if is_alone else ''}{self._coloured(GREEN, '✓')} " if self.is_live else ""
        self.say(f"{mark}{step.done} {took}")

    def progress(self, doing: str) -> None:
        """Say what is being done now, in place of what was said before where the terminal can."""
        self.say(f"{CLEAR_LINE}  {doing} ..." if self.is_live else f"{doing} ...", end="" if self.is_live else "\n")

    def _coloured(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self._has_colours else text


def _print(text: str, stream: TextIO) -> None:
    """Print, and go on in silence when the reader went away or the terminal was closed."""
    try:
        print(text, end="", file=stream, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
