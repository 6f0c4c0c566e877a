"""Log lines for people: time, what happened, and the facts behind it; in colour on a terminal."""

import logging
from collections.abc import Mapping
from typing import Any

_PLAIN, _DIM, _RED, _YELLOW, _GREEN = "0", "2", "31", "33", "32"
_LEVELS = {"debug": _DIM, "info": _GREEN, "warning": _YELLOW, "error": _RED, "critical": _RED}
_STATUSES = {2: _GREEN, 3: _DIM, 4: _YELLOW, 5: _RED}
_LEVEL_WIDTH, _ROUTE_WIDTH = 7, 40


class Console:
    """Renders lines. Without colours it writes the same words."""

    def __init__(self, *, is_coloured: bool) -> None:
        self._is_coloured = is_coloured

    def event(self, record: logging.LogRecord, time: str, extra: Mapping[str, Any]) -> str:
        """Write an event of the service's life; a stack stands below it, on lines of its own."""
        level = record.levelname.lower()
        facts = " ".join(f"{name}={value}" for name, value in extra.items() if name != "stack")
        word = self._paint(f"{level:{_LEVEL_WIDTH}}", _LEVELS.get(level, _PLAIN))
        line = f"{self._clock(time)} {word} {record.getMessage()} {self._paint(facts, _DIM)}".rstrip()
        return f"{line}\n{extra['stack'].rstrip()}" if extra.get("stack") else line

    def request(self, line: Mapping[str, Any]) -> str:
        """Write one answered request, in columns; at the end whatever is not as usual."""
        status = self._paint(f"{line['status']:<{_LEVEL_WIDTH}}", _STATUSES.get(line["status"] // 100, _PLAIN))
        asked = f"{line['method']:<6} {line['route']:<{_ROUTE_WIDTH}} {line['duration_ms']:>8.1f} ms"
        notes = [line.get("problem", ""), line["cache"], _statements(line["statements"])]
        if "span_id" in line:
            notes.append(f"trace={line['trace_id']}")
        told = self._paint("  ".join(note for note in notes if note), _DIM)
        return f"{self._clock(line['time'])} {status} {asked}  {told}".rstrip()

    def _clock(self, time: str) -> str:
        return self._paint(time[11:23], _DIM)

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._is_coloured and text else text


def _statements(count: int) -> str:
    if not count:
        return ""
    return "1 statement" if count == 1 else f"{count} statements"
