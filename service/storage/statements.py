"""Statements with names: logs, traces, metrics and pg_stat_statements show them."""

from typing import TypeVar

from sqlalchemy.sql import Executable

Named = TypeVar("Named", bound=Executable)


def statement(name: str, built: Named) -> Named:
    """Name a statement that was built once; the name travels as a sqlcommenter comment."""
    return built.execution_options(statement_name=name)
