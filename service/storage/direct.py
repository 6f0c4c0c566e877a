"""Single statements, straight to the driver: SQLAlchemy builds them and keeps the connections, and is not in the way.

Its execution of a statement built beforehand costs three times what the driver's own does (190 µs more, measured).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import asyncpg
from asyncpg.exceptions import PostgresError
from sqlalchemy import ClauseElement, Dialect, PoolProxiedConnection
from sqlalchemy.exc import EmulatedDBAPIException, MultipleResultsFound
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql import Executable
from sqlalchemy.sql.compiler import SQLCompiler

from service.storage.connecting import Trust, opened_at
from service.storage.observing import Observer

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

_NONE: Mapping[str, Any] = MappingProxyType({})
# Where a statement says nothing itself. What is forgotten is a mistake; the driver would take it for NULL.
_REQUIRED = object()


class ConnectionDied(ConnectionError):  # noqa: N818 - an outcome
    """The connection ended under a statement."""


class Row(asyncpg.Record):
    """A row whose columns are attributes too."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the column holds
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Rows(list[Row]):
    """All rows of an answer."""

    def first(self) -> Row | None:
        return self[0] if self else None

    def all(self) -> "Rows":
        return self

    def one_or_none(self) -> Row | None:
        if len(self) > 1:
            raise MultipleResultsFound
        return self.first()


@dataclass(frozen=True, slots=True)
class Rendered:
    """A statement as the driver takes it: its name, SQL, also with the name in it, and what goes where.

    For each place that is a parameter's name, default and conversion.
    """

    name: str
    sql: str
    named: str
    places: tuple[tuple[str, Any, Callable[[Any], Any] | None], ...]

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        """Give what goes into each place; raises KeyError where a parameter is missing."""
        values = []
        for key, default, convert in self.places:
            value = parameters[key] if default is _REQUIRED else parameters.get(key, default)
            values.append(value if convert is None else convert(value))
        return values


class Rendering:
    """Renders each statement once, or each time if values are written into its text."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._compiled: dict[Executable, SQLCompiler] = {}
        self._rendered: dict[Executable, Rendered] = {}

    def render(self, statement: Executable, parameters: Mapping[str, Any]) -> Rendered:
        found = self._rendered.get(statement)
        if found is not None:
            return found
        name = statement.get_execution_options().get("statement_name", "unnamed")
        compiled = self._compile(statement)
        if compiled.literal_execute_params or compiled.post_compile_params:
            return self._render(compiled, name, parameters)
        required = {name: _REQUIRED for name, bound in compiled.binds.items() if bound.required}
        blank = dict.fromkeys(compiled.bind_names.values()) | compiled.params | required
        self._rendered[statement] = self._render(compiled, name, blank)
        return self._rendered[statement]

    def _compile(self, statement: Executable) -> SQLCompiler:
        if statement not in self._compiled:
            compiled = cast("ClauseElement", statement).compile(dialect=self._dialect)
            self._compiled[statement] = cast("SQLCompiler", compiled)
        return self._compiled[statement]

    def _render(self, compiled: SQLCompiler, name: str, parameters: Mapping[str, Any]) -> Rendered:
        state = compiled.construct_expanded_state(dict(parameters))
        places = tuple((key, state.parameters[key], self._conversion(compiled, key)) for key in state.positiontup or ())
        return Rendered(name, state.statement, Observer.named(name, state.statement), places)

    def _conversion(self, compiled: SQLCompiler, key: str) -> Callable[[Any], Any] | None:
        bound = compiled.binds.get(key)
        return None if bound is None else bound.type.dialect_impl(self._dialect).bind_processor(self._dialect)


@dataclass(frozen=True, slots=True)
class Direct:
    """A borrowed connection of the driver, with as much of SQLAlchemy's as single statements ask for."""

    driver: asyncpg.Connection
    rendering: Rendering
    observer: Observer
    is_pooled_outside: bool

    async def execute(self, statement: Executable, parameters: Mapping[str, Any] = _NONE) -> Rows:
        rendered = self.rendering.render(statement, parameters)
        seen = self.observer.begin(rendered.name, rendered.sql)
        try:
            rows = await self._fetch(rendered.named, rendered.values(parameters))
        except BaseException as error:
            self.observer.end(seen, type(error).__name__)
            raise
        self.observer.end(seen)
        return Rows(rows)

    async def _fetch(self, sql: str, values: list[Any]) -> list[Row]:
        if not self.is_pooled_outside:
            return await self.driver.fetch(sql, *values, record_class=Row)
        # Behind PgBouncer a statement is prepared and run on one server connection only in a transaction.
        async with self.driver.transaction(isolation="read_committed"):
            return await self.driver.fetch(sql, *values, record_class=Row)

    async def scalar(self, statement: Executable, parameters: Mapping[str, Any] = _NONE) -> Any:  # noqa: ANN401
        row = (await self.execute(statement, parameters)).first()
        return None if row is None else row[0]


@dataclass(frozen=True, slots=True)
class Kept:
    """A connection as it was lent, and what to find out again each time would cost more than to keep."""

    lent: PoolProxiedConnection
    opened_at: float
    driver: asyncpg.Connection
    direct: AsyncConnection


class Lending:
    """Lends connections of an engine's pool for single statements; each commits itself.

    What is given back stays at hand here: a journey into SQLAlchemy's pool and out again costs as much as the statement
    (measured). Whoever begins a transaction asks for room there first.
    """

    def __init__(self, engine: AsyncEngine, trust: Trust, observer: Observer, *, is_pooled_outside: bool) -> None:
        self._engine = engine
        self._trust = trust
        self._observer = observer
        self._is_pooled_outside = is_pooled_outside
        self._rendering = Rendering(engine.dialect)
        self._at_hand: list[Kept] = []

    async def ask(
        self,
        question: Callable[Concatenate[AsyncConnection, Arguments], Awaitable[Answer]],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Answer:
        """Ask on a borrowed connection; raises ConnectionDied when it ends meanwhile."""
        kept = self._find_at_hand() or await self._take()
        try:
            answer = await question(kept.direct, *arguments, **named)
        except BaseException as error:
            is_dead = kept.driver.is_closed()
            # What was cut off is closed, not kept.
            if is_dead or not isinstance(error, PostgresError):
                kept.lent.invalidate()
            else:
                self._at_hand.append(kept)
            if is_dead and isinstance(error, Exception):
                raise ConnectionDied from error
            raise
        self._at_hand.append(kept)
        return answer

    def over(self, driver: asyncpg.Connection) -> AsyncConnection:
        """Take a connection of the driver for single statements.

        It answers alike whatever is asked outside a transaction, and is of no use within one.
        """
        return cast("AsyncConnection", Direct(driver, self._rendering, self._observer, self._is_pooled_outside))

    def make_room(self) -> None:
        """Give a connection back to the pool, if one is at hand: whoever has a place finds one there then."""
        if self._at_hand:
            self._at_hand.pop().lent.close()

    def close(self) -> None:
        while self._at_hand:
            self.make_room()

    async def _take(self) -> Kept:
        try:
            lent = await self._engine.raw_connection()
            driver = cast("asyncpg.Connection", lent.driver_connection)
            return Kept(lent, opened_at(lent), driver, self.over(driver))
        except EmulatedDBAPIException as error:
            refused = error.driver_exception
        # The driver's own error has the code. Raised up there it would be its own cause's cause: a chain without end.
        raise refused

    def _find_at_hand(self) -> Kept | None:
        while self._at_hand:
            kept = self._at_hand.pop()
            if self._trust.covers(kept.driver, kept.opened_at):
                return kept
            kept.lent.invalidate()
        return None
