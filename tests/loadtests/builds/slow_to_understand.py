"""A build with a fault: of all it hears from others, it takes one thing in late."""

import asyncio
from collections.abc import Callable
from typing import Any

from service.changes.following import Following
from service.changes.messages import Change
from service.commands import main

_NUMBER, _SECONDS = 20, 1.5
_init = Following.__init__


class Late:
    """Hears, and hesitates once."""

    def __init__(self, hear: Callable[[Change], bool]) -> None:
        self._hear = hear
        self._heard: set[Change] = set()
        self._late: Change | None = None

    def __call__(self, change: Change) -> bool:
        self._heard.add(change)
        if self._late is None and len(self._heard) == _NUMBER:
            self._late = change
            asyncio.get_running_loop().call_later(_SECONDS, self._hear, change)
        return change != self._late and self._hear(change)


def init(self: Following, *given: Any, **named: Any) -> None:
    _init(self, *given, **named)
    self._hear = Late(self._hear)


if __name__ == "__main__":
    Following.__init__ = init  # type: ignore[method-assign]
    main()
