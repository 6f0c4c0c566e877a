"""Tokens that name an invented key: one look at the database for all of them, then refused for a second without."""

import asyncio
from time import monotonic
from uuid import uuid4

import asyncpg

from tests.kit.claims import read_claims
from tests.kit.metrics import read_metrics
from tests.kit.mint import mint_of
from tests.kit.people import Person, problem
from tests.kit.services import Service
from tests.kit.waiting import eventually

# Beside requests a process reads the keys once a minute.
_DUTY = 1
_PAUSE_SECONDS = 1


async def test_invented_keys_cost_one_statement_a_second_however_many_there_are(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    token = (await ada.sign_in()).access_token
    mint = await mint_of(database, token)
    forged = [mint.sign(read_claims(token), kid=uuid4().hex) for _ in range(60)]
    before, began = await key_loads(service), monotonic()

    answers = await asyncio.gather(*(service.get("/v1/verify", token=each) for each in forged))

    seconds = monotonic() - began
    loads = await key_loads(service) - before
    assert {problem(answer) for answer in answers} == {(401, "token_invalid")}
    assert 1 <= loads <= 1 + int(seconds) + _DUTY, (loads, seconds)
    assert await service.accepts(token)


async def test_a_token_refused_for_its_invented_key_costs_no_other_statement(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    token = (await ada.sign_in()).access_token
    mint = await mint_of(database, token)
    before = (await read_metrics(service)).statements()

    for _ in range(5):
        assert await service.refuses(mint.sign(read_claims(token), kid=uuid4().hex))

    assert (await read_metrics(service)).statements() == before


async def test_other_forgeries_never_reach_the_database(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    token = (await ada.sign_in()).access_token
    mint = await mint_of(database, token)
    loads, before = await key_loads(service), (await read_metrics(service)).statements()

    for forged in (mint.again(token, exp=1), mint.sign(read_claims(token), crit=["exp"]), token[:-4], "garbage"):
        assert await service.refuses(forged)

    assert (await read_metrics(service)).statements() == before
    assert await key_loads(service) <= loads + _DUTY


async def test_a_stored_key_that_nobody_can_read_is_an_outage_and_no_mistake(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    token = (await ada.sign_in()).access_token
    mint = await mint_of(database, token)
    forged = mint.sign(read_claims(token), kid=uuid4().hex)

    async def is_away() -> bool:
        # Within a second of another load it is refused without a look.
        answer = problem(await service.get("/v1/verify", token=forged))
        assert answer in {(401, "token_invalid"), (503, "store_unavailable")}
        return answer[0] == 503

    # What is sealed is bound to the key's id: under another one nothing opens it.
    await database.execute(
        "INSERT INTO signing_keys (kid, algorithm, sealed_private, active_at) "
        "SELECT 'unreadable', algorithm, sealed_private, active_at FROM signing_keys LIMIT 1"
    )
    try:
        await eventually(is_away, within=_PAUSE_SECONDS + 1)
        assert await service.accepts(token)
    finally:
        await database.execute("DELETE FROM signing_keys WHERE kid = 'unreadable'")


async def key_loads(service: Service) -> float:
    reading = await read_metrics(service)
    return reading.value("signet_database_statement_duration_seconds_count", statement="keys.all")
