"""The facts of the request at hand, gathered by every layer and written in its one log line."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from opentelemetry.trace import Tracer


@dataclass(slots=True)
class Facts:
    """One request (or one command). `tracer` is there only when this request is traced."""

    request_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    address: str = ""
    statements: int = 0
    database_seconds: float = 0.0
    redis_commands: int = 0
    cache: str = ""
    problem: str = ""
    tracer: Tracer | None = None


_FACTS: ContextVar[Facts] = ContextVar("facts")


def current() -> Facts:
    """Return the facts of this request; outside of one, facts that nobody reads."""
    facts = _FACTS.get(None)
    return Facts() if facts is None else facts


@contextmanager
def gathering(facts: Facts) -> Iterator[Facts]:
    """Make these the current facts within the block."""
    token = _FACTS.set(facts)
    try:
        yield facts
    finally:
        _FACTS.reset(token)
