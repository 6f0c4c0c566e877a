"""Signing keys past the service: their rows, made older, and what a running replica then signs with."""

from datetime import timedelta

import asyncpg

from tests.kit.mint import header_of
from tests.kit.people import Person
from tests.kit.services import Service
from tests.kit.waiting import eventually

PROMISED_SECONDS = 2.0


async def key_rows(database: asyncpg.Connection) -> list[asyncpg.Record]:
    """Read the rows in the order in which their keys sign."""
    return list(await database.fetch("SELECT * FROM signing_keys ORDER BY active_at, kid"))


async def age_keys(database: asyncpg.Connection, by: timedelta) -> None:
    """Shift all instants of every key into the past, and let the replicas hear that keys have changed."""
    await database.execute(
        """
        UPDATE signing_keys SET created_at = created_at - $1::interval, active_at = active_at - $1::interval,
                                retired_at = retired_at - $1::interval
        """,
        by,
    )
    await database.execute("INSERT INTO changes (kind) VALUES ('keys')")


async def published(service: Service) -> set[str]:
    """Ids of the keys in the JWKS."""
    return {key["kid"] for key in (await service.get("/.well-known/jwks.json")).json()["keys"]}


async def signs_with(person: Person, key_id: str, service: Service | None = None) -> bool:
    """Tell whether a new sign-in gets a token of this key."""
    return bool(header_of((await person.sign_in(service=service)).access_token)["kid"] == key_id)


async def until_published(service: Service, *key_ids: str) -> None:
    """Wait until exactly these keys are published."""

    async def are_published() -> bool:
        return await published(service) == set(key_ids)

    await eventually(are_published, within=PROMISED_SECONDS)


async def until_signing(person: Person, key_id: str, service: Service | None = None) -> None:
    """Wait until new tokens are signed with this key."""
    await eventually(signs_with, person, key_id, service, within=PROMISED_SECONDS)
