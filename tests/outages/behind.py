"""What is asked of replicas during an outage, and what an answer must be."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import monotonic

import asyncpg
import httpx

from tests.conftest import TABLES
from tests.kit.environment import Addresses
from tests.kit.people import Person, SignedIn, problem
from tests.kit.refreshing import refresh
from tests.kit.services import Service
from tests.outages.ways import Store

# Promises of the product.
REFUSED_WITHIN, HEARD_WITHIN, BACK_WITHIN = 1.0, 1.0, 2.0
# From the age SIGNET_CHANGES_LATE on, what memory holds is said to be stale.
LATE_WITHIN = 5.0
TRIES = 3

Ask = Callable[[], Awaitable[httpx.Response]]


@dataclass(frozen=True)
class Behind:
    """Both stores behind faults, and the addresses that replicas are given."""

    stores: Addresses
    postgres: Store
    redis: Store
    settings: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """Settings of one more replica behind the same faults."""
        urls = {"SIGNET_DATABASE_URL": self.stores.database_url, "SIGNET_REDIS_URL": self.stores.redis_url}
        return {**self.settings, **urls}


def expect_away(answer: httpx.Response) -> None:
    """See that an answer says: not now, nothing was done, try again."""
    status, code = problem(answer)
    assert status == 503, (status, code)
    assert code in {"store_unavailable", "overloaded"}, code
    assert int(answer.headers["retry-after"]) >= 1


async def away_in_time(ask: Ask) -> None:
    """See that it is refused with 503 within the promised second; a busy machine may be late, but not thrice."""
    took: list[float] = []
    while len(took) < TRIES:
        began = monotonic()
        expect_away(await ask())
        took.append(monotonic() - began)
        if took[-1] < REFUSED_WITHIN:
            return
    raise AssertionError(f"refused, but only after {took} s")


async def done_or_away_in_time(ask: Ask) -> None:
    """See that it is done, or else refused with 503 within the promised second."""
    began = monotonic()
    answer = await ask()
    if answer.is_success:
        return
    expect_away(answer)
    if monotonic() - began > REFUSED_WITHIN:
        await away_in_time(ask)


async def all_away_in_time(*asks: Ask) -> None:
    await asyncio.gather(*(away_in_time(ask) for ask in asks))


def writes(service: Service, person: Person, session: SignedIn) -> list[Ask]:
    """What can't be done without writing to Postgres."""
    token = session.access_token
    return [
        lambda: refresh(service, session.refresh_token),
        lambda: rename(service, session, "Lost"),
        lambda: sign_in(service, person),
        lambda: service.delete("/v1/sessions/current", token=token),
        lambda: service.delete("/v1/sessions", token=token),
    ]


def writes_that_hash(service: Service, person: Person, session: SignedIn) -> list[Ask]:
    """The same; but these take a new password, so at any time they take as long as its hash."""
    new = "another perfectly fine password"
    changed = {"current_password": person.password, "new_password": new}
    return [
        lambda: service.put("/v1/account/password", token=session.access_token, json=changed),
        lambda: service.post("/v1/users", json={"email": "grace@example.com", "password": new}),
    ]


async def sign_in(service: Service, person: Person) -> httpx.Response:
    """Try to sign in."""
    return await service.post("/v1/sessions", json={"email": person.email, "password": person.password})


async def rename(service: Service, session: SignedIn, name: str) -> httpx.Response:
    """Change a profile, whatever its version."""
    headers = {"If-Match": "*"}
    return await service.patch("/v1/users/me", token=session.access_token, headers=headers, json={"display_name": name})


async def works(service: Service, session: SignedIn) -> bool:
    """Tell whether a replica writes: a refresh does, or finds out that it need not only by trying to."""
    answer = await refresh(service, session.refresh_token)
    assert answer.status_code in {200, 503}, answer.text
    return answer.status_code == 200


async def reaches_both_stores(service: Service) -> bool:
    """Tell whether a replica has its stores, its changes, and trusts what it knows."""
    answer = await service.get(f"{service.management_url}/startupz")
    checks = answer.json()["checks"]
    return all(check["ok"] for check in checks.values())


async def tier(service: Service, session: SignedIn) -> str:
    """Say where a replica has a profile from (RFC 9211)."""
    answer = await service.get("/v1/users/me", token=session.access_token)
    assert answer.status_code == 200, answer.text
    said = answer.headers["cache-status"]
    return "postgres" if "fwd=miss" in said else said.rpartition("detail=")[2]


async def comes_from(service: Service, session: SignedIn, expected: str) -> bool:
    return await tier(service, session) == expected


async def shows(service: Service, session: SignedIn, written: httpx.Response) -> bool:
    """Tell whether a replica shows a profile as it was written."""
    shown = await service.get("/v1/users/me", token=session.access_token)
    return bool(shown.json() == written.json())


async def everything(behind: Behind) -> dict[str, str]:
    """Read all that is stored, past the network, as a digest per table."""
    sql = "SELECT md5(coalesce(string_agg(to_jsonb(t)::text, ',' ORDER BY to_jsonb(t)::text), '')) FROM {} t"
    connection = await asyncpg.connect(behind.postgres.server.url)
    try:
        return {table: await connection.fetchval(sql.format(table)) for table in TABLES.split(", ")}
    finally:
        await connection.close()


async def connections(behind: Behind) -> int:
    """Count the connections that replicas have to Postgres."""
    async with behind.postgres.as_superuser() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'signet'"))
