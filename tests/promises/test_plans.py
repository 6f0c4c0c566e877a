"""Finding users among 200,000: an index answers each question, and the last page costs what the first one does."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from service.users import listing_records
from service.users.listing_records import Position, Question
from tests.kit import crowd
from tests.kit.environment import Addresses

SIZE = 100
USERS = 200_000
# Postgres makes a plan for the values at hand, or after some executions one for any value; it decides which.
MODES = ("force_custom_plan", "force_generic_plan")
SEARCHED = {"users", "user_terms", "user_roles"}

QUESTIONS = {
    "nothing": Question(),
    "search": Question(search="lov"),
    "search that fits everybody": Question(search="ex"),
    "search that fits nobody": Question(search="zz"),
    "email": Question(email_key="user777@example.com"),
    "common role": Question(role="member"),
    "rare role": Question(role="admin"),
    "common status": Question(status="active"),
    "rare status": Question(status="suspended"),
    "status and role": Question(role="member", status="suspended"),
    "status and rare role": Question(role="admin", status="active"),
    "search and status": Question(search="lov", status="suspended"),
    "search that fits everybody and rare status": Question(search="ex", status="suspended"),
    "search and role": Question(search="lov", role="support"),
    "search that fits everybody and rare role": Question(search="ex", role="admin"),
    "search and email": Question(search="ex", email_key="user777@example.com"),
    "all at once": Question("lov", "user777@example.com", "member", "active"),
}
# How the page that begins SIZE rows before the end is found: the row in front of it, counted from the end.
ENDS = {
    "nothing": "SELECT id, NULL FROM users ORDER BY id OFFSET 100 LIMIT 1",
    "common status": "SELECT id, NULL FROM users WHERE status = 'active' ORDER BY id OFFSET 100 LIMIT 1",
    "common role": "SELECT user_id, NULL FROM user_roles WHERE role = 'member' ORDER BY user_id OFFSET 100 LIMIT 1",
    "search": """
        SELECT user_id, min(term) FROM user_terms WHERE starts_with(term, 'lov') GROUP BY user_id
        ORDER BY 2 DESC, 1 DESC OFFSET 100 LIMIT 1
    """,
    "search that fits everybody": """
        SELECT user_id, min(term) FROM user_terms WHERE starts_with(term, 'ex') GROUP BY user_id
        ORDER BY 2 DESC, 1 DESC OFFSET 100 LIMIT 1
    """,
}


@dataclass
class Crowded:
    """A database with many users, asked by the service's own statements and looked at from beside."""

    asking: AsyncConnection
    looking: asyncpg.Connection
    asked: list[tuple[str, tuple[object, ...]]] = field(default_factory=list)

    async def page(self, question: Question, after: Position | None = None) -> list[Position]:
        """Ask as the service does; gives where the rows stand."""
        rows = await listing_records.page(self.asking, question, after, SIZE)
        return [position for _, position in rows]

    async def plan(self, mode: str, repeats: int = 0) -> dict[str, Any]:
        """Run the statement asked last once more, in that mode, and give what Postgres says it did."""
        sql, parameters = self.asked[-1]
        await self.looking.execute(f"SET plan_cache_mode = {mode}")
        await self.looking.execute(f"PREPARE looked_at AS {sql}")
        values = f"({', '.join(map(literal, parameters))})" if parameters else ""
        for _ in range(repeats):
            await self.looking.execute(f"EXECUTE looked_at{values}")
        told = await self.looking.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE looked_at{values}")
        await self.looking.execute("DEALLOCATE looked_at")
        plan: dict[str, Any] = json.loads(told)[0]["Plan"]
        return plan


@pytest.fixture(scope="module")
async def crowded(stores: Addresses, migrated_template: str) -> AsyncIterator[Crowded]:
    """Load the crowd into a database of its own."""
    name = "signet_crowded"
    server = await asyncpg.connect(stores.local.superuser_url if stores.local else stores.database_url)
    owner = urlsplit(stores.database_url).username or "CURRENT_USER"
    await server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await server.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_template} OWNER {owner}")
    url = urlsplit(stores.database_url)._replace(path=f"/{name}")
    looking = await asyncpg.connect(urlunsplit(url))
    await crowd.load(looking, USERS)
    engine = create_async_engine(urlunsplit(url._replace(scheme="postgresql+asyncpg")))
    async with engine.connect() as asking:
        made = Crowded(asking, looking)
        event.listen(engine.sync_engine, "before_cursor_execute", lambda *seen: made.asked.append((seen[2], seen[3])))
        yield made
    await engine.dispose()
    await looking.close()
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", QUESTIONS)
async def test_no_question_reads_a_whole_table(crowded: Crowded, name: str, mode: str) -> None:
    await crowded.page(QUESTIONS[name])

    plan = await crowded.plan(mode)

    read_whole = {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"}
    assert not read_whole & SEARCHED, json.dumps(plan, indent=1)
    assert any(node["Node Type"].startswith(("Index", "Bitmap Index")) for node in nodes(plan))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ENDS)
async def test_the_last_page_costs_what_the_first_one_does(crowded: Crowded, name: str, mode: str) -> None:
    await crowded.page(QUESTIONS[name])
    first = blocks(await crowded.plan(mode))
    position = Position(*await crowded.looking.fetchrow(ENDS[name]))

    rows = await crowded.page(QUESTIONS[name], position)
    last = blocks(await crowded.plan(mode))
    behind = await crowded.page(QUESTIONS[name], rows[-1])

    assert (len(rows), behind) == (SIZE, [])
    print(f"{name}, {mode}: {first} blocks for the first page, {last} for the last, ratio {last / first:.2f}")
    assert last <= 1.5 * first


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("rare", "common"),
    [
        ("rare role", "common role"),
        ("rare status", "common status"),
        ("status and rare role", "common role"),
        ("search that fits everybody and rare role", "search that fits everybody"),
    ],
)
async def test_the_few_are_found_without_reading_everybody(crowded: Crowded, rare: str, common: str, mode: str) -> None:
    await crowded.page(QUESTIONS[common])
    many = blocks(await crowded.plan(mode))

    await crowded.page(QUESTIONS[rare])
    few = blocks(await crowded.plan(mode))

    print(f"{rare}, {mode}: {few} blocks, {common}: {many}, ratio {few / many:.2f}")
    assert few <= 3 * many


@pytest.mark.parametrize("name", QUESTIONS)
async def test_what_postgres_chooses_after_some_executions_reads_no_table(crowded: Crowded, name: str) -> None:
    await crowded.page(QUESTIONS[name])

    plan = await crowded.plan("auto", repeats=7)

    read_whole = {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"}
    assert not read_whole & SEARCHED, json.dumps(plan, indent=1)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def blocks(plan: dict[str, Any]) -> int:
    """Count the blocks that were touched, in memory or not."""
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


def literal(value: object) -> str:
    """Write a parameter of ours as SQL."""
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"
