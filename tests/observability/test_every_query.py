"""Every query of every dashboard and rule, asked of a real Prometheus that watches the running service."""

import asyncio
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from time import time

import asyncpg
import pytest

from charts.slos import OBJECTIVES
from loadtests.scenarios import find
from tests.kit.dashboards import SELECTOR, ShippedPanel, asked, metrics_in, panels
from tests.kit.environment import Addresses
from tests.kit.programs import ROOT
from tests.kit.prometheus import rules
from tests.kit.waiting import eventually
from tests.observability.everything import around
from tests.observability.scene import LOAD_TEST_ENDS_WITHIN, Watched, load_test

pytestmark = [pytest.mark.prove, pytest.mark.timeout(180)]

SEEN_WITHIN = 20.0
ROUNDS = 3
# Of the scenario's own length: four seconds.
LENGTH = 0.12
LOAD_TEST = "signet_loadtest_"
# What brings data to a query that has none after an ordinary day: the event, and the test that makes it.
EVENTS = {
    'status=~"5..': ("a 5xx", "test_faults.py::test_postgres_goes_away"),
    "ALERTS": ("a fault", "test_faults.py::test_postgres_goes_away"),
}
EXPORTERS = {"pg_": "postgres-exporter", "redis_": "redis-exporter"}


@dataclass(frozen=True)
class Judged:
    """A load test that is over; at this instant Prometheus had its verdict, and soon afterwards it was gone."""

    watched: Watched
    at: float


@pytest.fixture(scope="module")
async def busy(watched: Watched, stores: Addresses) -> Watched:
    """Let people use the service until Prometheus has seen some of everything."""
    database = await asyncpg.connect(stores.database_url)
    for _ in range(ROUNDS):
        await around(*watched.replicas, database)
        await asyncio.sleep(1)
    await database.close()

    async def is_seen(objective: str) -> bool:
        return bool(await watched.prometheus.ask(f'signet:slo_budget_remaining:ratio{{slo="{objective}"}}'))

    for objective in OBJECTIVES:
        await eventually(is_seen, objective.name, within=SEEN_WITHIN)
    return watched


async def test_every_panel_shows_something(busy: Watched) -> None:
    asking = [panel for panel in panels() if not _is_of(panel, [*EXPORTERS, LOAD_TEST])]

    assert await _empty(busy, asking) == []


@pytest.mark.parametrize("exporter", EXPORTERS)
async def test_every_panel_of_an_exporter_shows_something(busy: Watched, exporter: str) -> None:
    job = EXPORTERS[exporter]
    if shutil.which(f"prometheus-{job}") is None:
        pytest.skip(f"prometheus-{job} is not installed; Debian and Ubuntu have a package of that name")

    assert await _empty(busy, [panel for panel in panels() if _is_of(panel, [exporter])]) == []


async def test_every_rule_reads_something(busy: Watched) -> None:
    """An alert's condition is false on a good day; what it compares has to be there all the same."""
    empty = {
        f"{rule.get('alert') or rule['record']}: {name}{{{matchers}}}"
        for rule in rules()
        for name, matchers in SELECTOR.findall(rule["expr"])
        if not _waits_for_an_event(f"{name}{{{matchers}}}") and not await busy.prometheus.ask(f"{name}{{{matchers}}}")
    }

    assert empty == set()


async def test_statements_of_runbooks_are_understood(stores: Addresses) -> None:
    statements = [
        found
        for page in sorted((ROOT / "docs/runbooks").glob("*.md"))
        for found in re.findall(r'--command "(.*?)"$', page.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert statements
    assert stores.local is not None
    connection = await asyncpg.connect(stores.local.superuser_url.rpartition("/")[0] + "/signet")
    for statement in statements:
        await connection.fetch(statement)
    await connection.close()


async def _empty(busy: Watched, asking: list[ShippedPanel], at: float | None = None) -> list[str]:
    return [
        f"{panel.place}: {expression}"
        for panel in asking
        for expression in panel.expressions
        if not _waits_for_an_event(expression) and not await busy.prometheus.ask(asked(expression, "30s"), at)
    ]


def _is_of(panel: ShippedPanel, exporters: Iterable[str]) -> bool:
    return any(name.startswith(tuple(exporters)) for text in panel.expressions for name in metrics_in(text))


def _waits_for_an_event(expression: str) -> bool:
    return any(sign in expression for sign in EVENTS)


async def test_what_people_did_is_what_was_counted(busy: Watched) -> None:
    """A query that shows a line at 0 has data, too; so these have to have moved."""
    for moved in (
        'signet_sign_ins_total{outcome="signed_in"}',
        'signet_sign_ins_total{reason="credentials_wrong"}',
        *(
            f'signet_refreshes_total{{outcome="{outcome}"}}'
            for outcome in ("rotated", "repeated", "replayed", "garbage")
        ),
        *(f'signet_cache_reads_total{{tier="{tier}"}}' for tier in ("near", "shared", "postgres")),
        'signet_changes_seen_total{way="redis"}',
        'signet_sessions_ended_total{cause="replay"}',
        "signet_limits_refused_total",
        "signet_changes_lag_seconds_count",
        "signet_hash_duration_seconds_count",
        "signet_database_pool_wait_seconds_count",
        "signet_cache_load_duration_seconds_count",
        "signet_redis_command_duration_seconds_count",
        "signet_event_loop_lag_seconds_count",
        'signet_trace_spans_total{outcome="exported"}',
        'http_requests_total{handler="/v1/verify", status="401"}',
    ):
        assert await busy.prometheus.value(f"sum({moved})") > 0, moved


# Last, because nobody signs in meanwhile: after some seconds objectives have nothing to divide by.
@pytest.fixture(scope="module")
async def judged(busy: Watched, stores: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """Run a load test of some seconds from beginning to end."""

    async def is_over() -> bool:
        return bool(await busy.prometheus.ask("signet_loadtest_verdict == 1"))

    async with load_test(busy, stores, tmp_path_factory.mktemp("load"), LENGTH):
        await eventually(is_over, within=LOAD_TEST_ENDS_WITHIN)
        return Judged(busy, time())


async def test_every_panel_of_a_load_test_shows_something(judged: Judged) -> None:
    asking = [panel for panel in panels() if _is_of(panel, [LOAD_TEST])]

    assert asking
    assert await _empty(judged.watched, asking, judged.at) == []


async def test_a_load_test_tells_of_itself_what_the_service_tells_of_it(judged: Judged) -> None:
    """The same requests from both ends: whatever users read, replicas have answered."""
    ask = partial(judged.watched.prometheus.value, at=judged.at)
    read = await ask('signet_loadtest_requests_total{name="read", outcome="200"}')

    assert 0 < read <= await ask('sum(http_requests_total{handler="/v1/users/me", method="GET", status="200"})')
    assert await ask('signet_loadtest_request_duration_seconds_count{name="read"}') >= read
    assert await ask("sum(signet_loadtest_verdict)") == 1
    assert await ask("count(signet_loadtest_gate_kept)") == len(find("warm-cache").gates)
    assert await ask("signet_loadtest_users") == 0
    assert await judged.watched.prometheus.value("max_over_time(signet_loadtest_users[1m])") > 0
