"""Postgres away: tokens stand, memory answers, all else is refused in time, and nothing is half-written."""

import asyncio
from functools import partial
from time import monotonic
from uuid import uuid4

import asyncpg
import pytest

from service.settings import Settings
from tests.kit.claims import read_claims
from tests.kit.everywhere import accepted_everywhere, refused_everywhere
from tests.kit.mint import mint_of
from tests.kit.otlp import attributes, collecting
from tests.kit.people import Person, SignedIn
from tests.kit.racing import transaction
from tests.kit.refreshing import refresh
from tests.kit.services import Service, StartService
from tests.kit.waiting import eventually
from tests.outages.behind import (
    BACK_WITHIN,
    LATE_WITHIN,
    REFUSED_WITHIN,
    TRIES,
    Behind,
    all_away_in_time,
    comes_from,
    connections,
    done_or_away_in_time,
    everything,
    expect_away,
    rename,
    sign_in,
    tier,
    works,
    writes,
    writes_that_hash,
)
from tests.outages.ways import (
    POSTGRES_AWAY,
    POSTGRES_UNWRITABLE,
    SLOW_POSTGRES_SECONDS,
    Away,
    cut,
    frozen,
    killed,
    read_only_postgres,
    reset,
    restarted,
    silent,
    slow,
)

POOL = Settings.model_fields["database_pool"].default
# As late as one may come and still wait for the first ones to give up, and some.
BEFORE_THE_FIRST_GIVES_UP = 0.55
in_every_way = pytest.mark.parametrize("way", POSTGRES_AWAY)
in_every_unwritable_way = pytest.mark.parametrize("way", POSTGRES_UNWRITABLE)


async def test_tokens_of_keys_not_known_here_are_refused_in_time_however_many_wait(
    replicas_behind_faults: tuple[Service, Service], behind: Behind, ada: Person, database: asyncpg.Connection
) -> None:
    service, _ = replicas_behind_faults
    token = (await ada.sign_in()).access_token
    mint = await mint_of(database, token)
    forged = [mint.sign(read_claims(token), kid=uuid4().hex) for _ in range(12)]

    async with frozen(behind.postgres):
        await all_away_in_time(*(partial(service.get, "/v1/verify", token=each) for each in forged))
        assert await service.accepts(token)

    async def is_certain() -> bool:
        return (await service.get("/v1/verify", token=forged[0])).status_code == 401

    await eventually(is_certain, within=BACK_WITHIN)


@in_every_way
async def test_tokens_and_keys_and_profiles_are_answered_from_memory_and_redis(
    replicas_behind_faults: tuple[Service, Service], behind: Behind, way: Away, ada: Person
) -> None:
    first, second = replicas_behind_faults
    phone, over = await ada.sign_in("phone"), await ada.sign_in("over")
    assert (await second.delete("/v1/sessions/current", token=over.access_token)).status_code == 204
    await refused_everywhere(replicas_behind_faults, over.access_token)
    assert await tier(first, phone) == "postgres"

    async with way(behind.postgres):
        assert await tier(first, phone) == "near"
        assert await tier(second, phone) in {"shared", "stale"}
        await eventually(comes_from, second, phone, "stale", within=LATE_WITHIN)
        await eventually(comes_from, first, phone, "stale", within=LATE_WITHIN)
        await accepted_everywhere(replicas_behind_faults, phone.access_token)
        await refused_everywhere(replicas_behind_faults, over.access_token)
        assert (await first.get("/.well-known/jwks.json")).json() == (await second.get("/.well-known/jwks.json")).json()

    for replica in replicas_behind_faults:
        await eventually(comes_from, replica, phone, "near", within=BACK_WITHIN)


@in_every_unwritable_way
async def test_what_must_be_written_is_refused_in_time_leaves_nothing_and_works_soon_after(
    replicas_behind_faults: tuple[Service, Service], behind: Behind, way: Away, ada: Person
) -> None:
    phone = await ada.sign_in()
    before = await everything(behind)

    async with way(behind.postgres):
        for replica in replicas_behind_faults:
            await all_away_in_time(*writes(replica, ada, phone))
            await all_away_in_time(*writes_that_hash(replica, ada, phone))

    for replica in replicas_behind_faults:
        await eventually(works, replica, phone, within=BACK_WITHIN)
    after = await everything(behind)
    # To see whether it works, a session was refreshed.
    assert {table for table in after if after[table] != before[table]} == {"sessions"}
    assert (await ada.sign_in("laptop", replicas_behind_faults[1])).session_id != phone.session_id


@in_every_way
async def test_what_nobody_remembers_is_refused_in_time(
    replicas_behind_faults: tuple[Service, Service], behind: Behind, way: Away, ada: Person
) -> None:
    phone = await ada.sign_in()

    async with way(behind.postgres):
        for replica in replicas_behind_faults:
            reads = [partial(replica.get, path, token=phone.access_token) for path in ("/v1/users/me", "/v1/sessions")]
            await all_away_in_time(*reads)

    for replica in replicas_behind_faults:
        await eventually(comes_from, replica, phone, "near", within=BACK_WITHIN)


@pytest.mark.parametrize("way", [cut, reset, restarted, killed])
async def test_connections_that_ended_while_nobody_used_them_fail_no_write(
    replicas_behind_faults: tuple[Service, Service], behind: Behind, way: Away, ada: Person
) -> None:
    first, _ = replicas_behind_faults
    phone = await ada.sign_in()
    # The whole pool is opened; on a crowded machine somebody may have to wait too long for that.
    reads = [first.get("/v1/sessions", token=phone.access_token) for _ in range(2 * POOL)]
    assert {answer.status_code for answer in await asyncio.gather(*reads)} <= {200, 503}

    async with way(behind.postgres):
        pass

    for count in range(2 * POOL):
        assert (await rename(first, phone, f"Countess {count}")).status_code == 200


async def test_who_waited_for_a_connection_is_refused_in_time_too(
    replicas_behind_faults: tuple[Service, Service], ada: Person, database: asyncpg.Connection
) -> None:
    """The second wave gets its connections when the first one gives up, and the lock that both wait for never."""
    first, _ = replicas_behind_faults
    phone = await ada.sign_in()

    async def wave(after: float) -> list[float]:
        await asyncio.sleep(after)
        return await asyncio.gather(*(_refused_after(first, phone) for _ in range(POOL)))

    async with transaction(database):
        await database.execute("SELECT FROM sessions WHERE id = $1 FOR UPDATE", phone.session_id)
        rounds = [[*await asyncio.gather(wave(0), wave(BEFORE_THE_FIRST_GIVES_UP))] for _ in range(TRIES)]

    # A busy machine may be late, but not each time.
    assert min(max(*early, *late) for early, late in rounds) < REFUSED_WITHIN
    await eventually(works, first, phone, within=BACK_WITHIN)


async def test_a_server_that_only_reads_answers_what_is_only_read(
    replicas_behind_faults: tuple[Service, Service], behind: Behind, ada: Person
) -> None:
    phone = await ada.sign_in()

    async with read_only_postgres(behind.postgres):
        for replica in replicas_behind_faults:
            assert await tier(replica, phone) in {"postgres", "shared"}
            listed = await replica.get("/v1/sessions", token=phone.access_token)
            assert [session["id"] for session in listed.json()["items"]] == [phone.session_id]


async def test_a_postgres_that_takes_no_write_is_not_worn_out_by_new_connections(
    replicas_behind_faults: tuple[Service, Service], behind: Behind, ada: Person
) -> None:
    first, second = replicas_behind_faults
    phone = await ada.sign_in()

    async with read_only_postgres(behind.postgres):
        for _ in range(10):
            answers = await asyncio.gather(
                *(rename(replica, phone, "Countess") for replica in (first, second) for _ in range(POOL)),
                *(replica.get("/v1/sessions", token=phone.access_token) for replica in (first, second)),
            )
            assert {answer.status_code for answer in answers} == {200, 503}
        assert await connections(behind) <= len(replicas_behind_faults) * (POOL + 1)

    await eventually(works, first, phone, within=BACK_WITHIN)


@pytest.mark.parametrize("way", [read_only_postgres, silent])
async def test_a_statement_that_failed_is_in_the_trace_of_its_request(
    behind: Behind, start_service: StartService, ada: Person, way: Away
) -> None:
    def failed() -> set[str]:
        statements = (span for span in collector.spans() if attributes(span).get("db.system.name") == "postgresql")
        return {span.name for span in statements if span.status.code == 2}

    async def has_arrived() -> bool:
        return bool(failed())

    with collecting() as collector:
        tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_TRACES_SAMPLER_ARG": "1"}
        traced = await start_service(**behind.environment, **tracing, OTEL_BSP_SCHEDULE_DELAY="100")
        phone = await ada.sign_in("phone", traced)
        async with way(behind.postgres):
            expect_away(await rename(traced, phone, "Countess"))
        await eventually(has_arrived, within=5.0)

    assert all("." in name for name in failed())


async def test_a_slow_postgres_is_waited_for_or_said_to_be_away_but_nothing_else(
    replicas_behind_faults: tuple[Service, Service], behind: Behind, ada: Person
) -> None:
    first, second = replicas_behind_faults
    phone = await ada.sign_in()

    async with slow(behind.postgres, SLOW_POSTGRES_SECONDS):
        await accepted_everywhere(replicas_behind_faults, phone.access_token)
        for replica in replicas_behind_faults:
            await done_or_away_in_time(partial(replica.get, "/v1/users/me", token=phone.access_token))
            await done_or_away_in_time(partial(replica.get, "/v1/sessions", token=phone.access_token))
            await done_or_away_in_time(partial(refresh, replica, phone.refresh_token))
            await done_or_away_in_time(partial(rename, replica, phone, "Countess"))
            # It asks twice, before and after the hash, and has one deadline for both.
            await done_or_away_in_time(partial(sign_in, replica, ada))

    await eventually(works, first, phone, within=BACK_WITHIN)
    await accepted_everywhere((first, second), phone.access_token)


async def test_a_replica_that_was_told_to_fails_closed_when_it_hears_of_no_revocation(
    behind: Behind, start_service: StartService, replicas_behind_faults: tuple[Service, Service], ada: Person
) -> None:
    cautious = await start_service(**behind.environment, SIGNET_REVOCATION_MAX_AGE="1s")
    phone = await ada.sign_in()
    assert await cautious.accepts(phone.access_token)

    async def is_closed() -> bool:
        answer = await cautious.get("/v1/verify", token=phone.access_token)
        return answer.status_code == 503

    async with killed(behind.postgres):
        await eventually(is_closed, within=LATE_WITHIN)
        expect_away(await cautious.get("/v1/users/me", token=phone.access_token))
        await accepted_everywhere(replicas_behind_faults, phone.access_token)

    async def is_open() -> bool:
        return not await is_closed()

    await eventually(is_open, within=BACK_WITHIN)
    assert await cautious.accepts(phone.access_token)


async def _refused_after(service: Service, session: SignedIn) -> float:
    """Say how many seconds a refusal took."""
    began = monotonic()
    expect_away(await refresh(service, session.refresh_token))
    return monotonic() - began
