"""POST /v1/users with an admin's token: users with roles, a verified address, or a hash from another system."""

from collections.abc import Callable

import argon2
import asyncpg
import bcrypt
import pytest

from tests.kit.accounts import CHEAP_HASH, refused_fields
from tests.kit.claims import read_claims
from tests.kit.people import PASSWORD, Person, SignedIn, problem
from tests.kit.services import Service

EMAIL = "joan@example.com"


def argon2_hash(kind: argon2.Type, memory: int = 64, passes: int = 1, lanes: int = 1) -> str:
    hasher = argon2.PasswordHasher(memory_cost=memory, time_cost=passes, parallelism=lanes, type=kind)
    return hasher.hash(PASSWORD)


def bcrypt_hash(prefix: str) -> str:
    return CHEAP_HASH.replace("$2b$", prefix)


OTHERS: dict[str, Callable[[], str]] = {
    "argon2id": lambda: argon2_hash(argon2.Type.ID),
    "argon2i": lambda: argon2_hash(argon2.Type.I),
    "argon2d": lambda: argon2_hash(argon2.Type.D),
    "argon2id with other costs": lambda: argon2_hash(argon2.Type.ID, 4096, 3, 4),
    "bcrypt 2a": lambda: bcrypt_hash("$2a$"),
    "bcrypt 2b": lambda: bcrypt_hash("$2b$"),
    "bcrypt 2y": lambda: bcrypt_hash("$2y$"),
    "bcrypt of a usual cost": lambda: bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode(),
}


async def test_an_admin_gives_roles_and_a_verified_address(service: Service, boss: SignedIn) -> None:
    body = {"email": EMAIL, "password": PASSWORD, "roles": ["support", "billing:read"], "email_verified": True}
    answer = await service.post("/v1/users", json=body, token=boss.access_token)

    user = answer.json()
    assert answer.status_code == 201
    assert (user["roles"], user["email_verified"]) == (["billing:read", "support"], True)
    session = await Person(service, EMAIL).sign_in()
    assert read_claims(session.access_token)["roles"] == ["billing:read", "support"]


async def test_a_role_given_twice_is_one_role(service: Service, boss: SignedIn) -> None:
    body = {"email": EMAIL, "password": PASSWORD, "roles": ["support", "support"]}
    answer = await service.post("/v1/users", json=body, token=boss.access_token)

    assert answer.json()["roles"] == ["support"]


@pytest.mark.parametrize("role", ["Admin", "1st", "", "a b", "a" * 65, "é", "-x", "admin\n"])
async def test_a_role_of_another_form_is_refused(service: Service, boss: SignedIn, role: str) -> None:
    body = {"email": EMAIL, "password": PASSWORD, "roles": ["support", role]}
    refused = await service.post("/v1/users", json=body, token=boss.access_token)
    allowed = await service.post("/v1/users", json={**body, "roles": ["a" * 64]}, token=boss.access_token)

    assert problem(refused) == (422, "request_invalid")
    assert refused_fields(refused) == {"/roles/1"}
    assert allowed.status_code == 201


@pytest.mark.parametrize("kind", OTHERS)
async def test_an_imported_hash_lets_its_owner_in_and_is_upgraded_then(
    service: Service, boss: SignedIn, database: asyncpg.Connection, kind: str
) -> None:
    body = {"email": EMAIL, "password_hash": OTHERS[kind]()}
    answer = await service.post("/v1/users", json=body, token=boss.access_token)
    assert answer.status_code == 201
    joan = Person(service, EMAIL)

    wrong = await service.post("/v1/sessions", json={"email": EMAIL, "password": PASSWORD + "!"})
    stored = [await stored_hash(database)]
    await joan.sign_in("with the imported hash")
    stored.append(await stored_hash(database))
    await joan.sign_in("with the upgraded hash")
    stored.append(await stored_hash(database))

    assert problem(wrong) == (401, "credentials_wrong")
    assert stored[0] == body["password_hash"]
    assert stored[1].startswith("$argon2id$v=19$m=7168,t=1,p=1$")
    assert stored[2] == stored[1]


async def test_an_upgrade_is_not_a_change_of_the_user(service: Service, boss: SignedIn) -> None:
    body = {"email": EMAIL, "password_hash": CHEAP_HASH}
    created = await service.post("/v1/users", json=body, token=boss.access_token)

    session = await Person(service, EMAIL).sign_in()
    read = await service.get("/v1/users/me", token=session.access_token)

    assert (read.content, read.headers["etag"]) == (created.content, created.headers["etag"])


@pytest.mark.parametrize(
    "password_hash",
    [
        "",
        "plain text",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$6$saltsalt$" + "a" * 86,
        CHEAP_HASH[:-1],
        CHEAP_HASH + "a",
        CHEAP_HASH + "\n",
        CHEAP_HASH.replace("$04$", "$15$"),
        CHEAP_HASH.replace("$04$", "$03$"),
        CHEAP_HASH.replace("$2b$", "$2x$"),
        CHEAP_HASH[:28] + "A" + CHEAP_HASH[29:],
        argon2_hash(argon2.Type.ID).replace("m=64", "m=262145"),
        argon2_hash(argon2.Type.ID).replace("t=1", "t=11"),
        argon2_hash(argon2.Type.ID, 128).replace("p=1", "p=9"),
        argon2_hash(argon2.Type.ID).replace("t=1", "t=0"),
        argon2_hash(argon2.Type.ID).replace("m=64", "m=7"),
        argon2_hash(argon2.Type.ID).replace("v=19", "v=16"),
        argon2_hash(argon2.Type.ID).rsplit("$", 1)[0],
    ],
    # Salts are random, names of tests must not be: several workers compare them.
    ids=[f"unacceptable {number}" for number in range(18)],
)
async def test_a_hash_that_is_foreign_or_too_dear_is_refused(
    service: Service, boss: SignedIn, password_hash: str
) -> None:
    refused = await service.post(
        "/v1/users", json={"email": EMAIL, "password_hash": password_hash}, token=boss.access_token
    )
    allowed = await service.post(
        "/v1/users", json={"email": EMAIL, "password_hash": CHEAP_HASH}, token=boss.access_token
    )

    assert problem(refused) == (422, "password_hash_unacceptable")
    assert allowed.status_code == 201


@pytest.mark.parametrize(
    "password_hash",
    [
        "$argon2id$v=19$m=64,t=1,p=1$" + "A" * 13 + "$" + "B" * 22,
        "$argon2id$v=19$m=64,t=1,p=1$" + "A" * 11 + "$" + "B" * 22,
        "$argon2id$v=19$m=00064,t=001,p=1$" + "A" * 12 + "$" + "B" * 22,
    ],
)
async def test_a_hash_that_no_library_can_read_never_breaks_a_sign_in(
    service: Service, boss: SignedIn, password_hash: str
) -> None:
    created = await service.post(
        "/v1/users", json={"email": EMAIL, "password_hash": password_hash}, token=boss.access_token
    )
    tried = await service.post("/v1/sessions", json={"email": EMAIL, "password": PASSWORD})

    assert created.status_code in {201, 422}
    assert problem(tried) == (401, "credentials_wrong")


async def test_a_password_and_a_hash_at_once_are_refused(service: Service, boss: SignedIn) -> None:
    body = {"email": EMAIL, "password": PASSWORD, "password_hash": CHEAP_HASH}
    answer = await service.post("/v1/users", json=body, token=boss.access_token)

    assert problem(answer) == (422, "password_unacceptable")


async def test_a_user_without_password_or_hash_is_refused(service: Service, boss: SignedIn) -> None:
    answer = await service.post("/v1/users", json={"email": EMAIL}, token=boss.access_token)

    assert problem(answer) == (422, "password_unacceptable")
    assert refused_fields(answer) == {"/password"}


async def test_the_audit_tells_who_created_whom(
    service: Service, admin: Person, boss: SignedIn, database: asyncpg.Connection
) -> None:
    body = {"email": EMAIL, "password_hash": CHEAP_HASH}
    created = (await service.post("/v1/users", json=body, token=boss.access_token)).json()
    registered = (await service.post("/v1/users", json={"email": "ada@example.com", "password": PASSWORD})).json()

    rows = await database.fetch(
        "SELECT kind, user_id::text, actor_id::text FROM audit_events WHERE kind IN ('user.created', 'user.registered')"
    )

    assert {tuple(row) for row in rows} == {
        ("user.created", created["id"], admin.id),
        ("user.registered", registered["id"], registered["id"]),
    }


async def stored_hash(database: asyncpg.Connection) -> str:
    value = await database.fetchval("SELECT password_hash FROM users WHERE email = $1", EMAIL)
    return str(value)
