"""Signing in brings a stored hash to current parameters, and never fails for it."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import bcrypt
import pytest

from tests.kit.environment import Addresses
from tests.kit.people import Person, SignedIn
from tests.kit.services import Service, running_service

STRONGER = {"SIGNET_ARGON2_ITERATIONS": "3", "SIGNET_HASH_WAIT": "30s", "SIGNET_DATABASE_TIMEOUT": "1 s"}
CURRENT, STRONGER_SCHEME = "argon2id$7168,1,1", "argon2id$7168,3,1"


@pytest.fixture(scope="module")
async def stronger(stores: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """A replica whose hashes take more passes."""
    log = tmp_path_factory.mktemp("logs") / "stronger.log"
    async with running_service(stores, log, STRONGER) as replica:
        yield replica


async def test_signing_in_rehashes_when_parameters_have_changed(
    stronger: Service, ada: Person, database: asyncpg.Connection
) -> None:
    former = await _stored(database, ada)

    await ada.sign_in("phone", stronger)

    latter = await _stored(database, ada)
    assert (former["password_scheme"], latter["password_scheme"]) == (CURRENT, STRONGER_SCHEME)
    assert latter["password_hash"].startswith("$argon2id$v=19$m=7168,t=3,p=1$")
    assert await ada.sign_in("laptop", stronger)
    assert (await _stored(database, ada))["password_hash"] == latter["password_hash"]


async def test_signing_in_keeps_a_hash_of_current_parameters(ada: Person, database: asyncpg.Connection) -> None:
    former = await _stored(database, ada)

    await ada.sign_in()

    assert await _stored(database, ada) == former


async def test_a_wrong_password_rehashes_nothing(stronger: Service, ada: Person, database: asyncpg.Connection) -> None:
    former = await _stored(database, ada)

    answer = await stronger.post("/v1/sessions", json={"email": ada.email, "password": "a wrong password"})

    assert answer.status_code == 401
    assert await _stored(database, ada) == former


async def test_a_rehash_ends_no_session_and_outdates_no_token(
    service: Service, stronger: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in("phone", service)
    former = await _stored(database, ada)

    laptop = await ada.sign_in("laptop", stronger)

    latter = await _stored(database, ada)
    for column in ("password_version", "epoch", "version", "updated_at"):
        assert latter[column] == former[column]
    assert await service.accepts(phone.access_token)
    assert await service.accepts(laptop.access_token)


@pytest.mark.parametrize("cost", [4, 10])
async def test_an_imported_hash_lets_its_owner_in_and_is_upgraded(
    service: Service, admin: Person, database: asyncpg.Connection, cost: int
) -> None:
    boss = await admin.sign_in()
    imported = bcrypt.hashpw(b"a password from elsewhere", bcrypt.gensalt(cost)).decode()
    body = {"email": "ada@example.com", "password_hash": imported}
    created = await service.post("/v1/users", json=body, token=boss.access_token)
    ada = Person(service, "ada@example.com", "a password from elsewhere", created.json()["id"])
    former = await _stored(database, ada)

    await ada.sign_in()

    assert former["password_scheme"] == f"bcrypt${cost}"
    assert (await _stored(database, ada))["password_scheme"] == CURRENT
    assert await ada.sign_in()


async def test_a_rehash_that_fails_never_fails_the_sign_in(
    stores: Addresses, stronger: Service, ada: Person, database: asyncpg.Connection
) -> None:
    former = await _stored(database, ada)
    holder = await asyncpg.connect(stores.database_url)
    # Sign-ins share the row of their user; only the rehash has to wait for it, in vain.
    async with holder.transaction():
        await holder.execute("SELECT 1 FROM users WHERE id = $1 FOR SHARE", ada.id)
        phone = await ada.sign_in("phone", stronger)
    await holder.close()

    assert await stronger.accepts(phone.access_token)
    assert await _stored(database, ada) == former
    assert any("stays as it is until the next sign-in" in line for line in stronger.log_lines())
    await ada.sign_in("laptop", stronger)
    assert (await _stored(database, ada))["password_scheme"] == STRONGER_SCHEME


async def test_many_sign_ins_that_all_rehash_do_not_stand_in_each_others_way(
    stronger: Service, ada: Person, database: asyncpg.Connection
) -> None:
    body = {"email": ada.email, "password": ada.password}

    answers = await asyncio.gather(*(stronger.post("/v1/sessions", json=body) for _ in range(20)))

    assert len({SignedIn.of(answer).session_id for answer in answers}) == 20
    assert (await _stored(database, ada))["password_scheme"] == STRONGER_SCHEME


async def _stored(database: asyncpg.Connection, person: Person) -> asyncpg.Record:
    columns = "password_hash, password_scheme, password_version, epoch, version, updated_at"
    row: asyncpg.Record | None = await database.fetchrow(
        f"SELECT {columns} FROM users WHERE id = $1",  # noqa: S608 - constants
        person.id,
    )
    assert row is not None
    return row
