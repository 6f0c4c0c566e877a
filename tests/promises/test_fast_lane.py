"""The fast lane gives the route's own bytes, costs no store, and answers nobody whom the route would refuse."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import monotonic
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.kit.environment import Addresses
from tests.kit.log_lines import line_of
from tests.kit.metrics import read_metrics
from tests.kit.mint import mint_of, now
from tests.kit.people import Person, new_person, problem
from tests.kit.services import Service, running_service
from tests.kit.waiting import eventually

OWN = "/v1/users/me"
VERIFY = "/v1/verify"
ORIGIN = "https://app.example.test"
# A header given twice takes a request to the route, and means nothing to it.
TO_THE_ROUTE = [("X-Twice", "1"), ("X-Twice", "2")]
STATES = 30
NEAR = (b"cache-status", b"signet; hit; detail=near")
LEEWAY = 5

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """What a client can see of an answer, less the instant and the name of the request."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @classmethod
    def of(cls, answer: httpx.Response) -> "Answer":
        told = [header for header in answer.headers.raw if header[0] not in {b"date", b"x-request-id"}]
        return cls(answer.status_code, told, answer.content.replace(answer.headers["x-request-id"].encode(), b"ID"))


@pytest.fixture(scope="module")
async def counting(stores: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """A replica with limits on: a request of the route is counted in Redis, one of the lane is not."""
    settings = {
        "SIGNET_LIMITS": "on",
        "SIGNET_LIMIT_CALLER": "1000000/s",
        "SIGNET_LIMIT_SIGN_IN_ACCOUNT": "1000000/s",
        "SIGNET_LIMIT_SIGN_IN_ADDRESS": "1000000/s",
        "SIGNET_LIMIT_REGISTRATION": "1000000/s",
        "SIGNET_NEAR_TTL": "10min",
    }
    async with running_service(stores, tmp_path_factory.mktemp("lane") / "log", settings) as service:
        yield service


async def ask(service: Service, path: str, token: str, extra: Headers | None = None, method: str = "GET") -> Answer:
    headers = [("Authorization", f"Bearer {token}"), *(extra or [])]
    return Answer.of(await service._client.request(method, path, headers=headers))


async def redis_commands(service: Service) -> float:
    counted = [
        line for line in (await service.metrics()).splitlines() if line.startswith("signet_redis_commands_total")
    ]
    return sum(float(line.rpartition(" ")[2]) for line in counted)


async def compare(service: Service, path: str, token: str, method: str = "GET") -> Answer:
    """Ask the lane and the route; see that they were two, and that nobody can tell."""
    deadline = monotonic() + 10
    while True:
        await ask(service, path, token)
        before = await redis_commands(service)
        lane = await ask(service, path, token, method=method)
        between = await redis_commands(service)
        route = await ask(service, path, token, TO_THE_ROUTE, method)
        # A change that is heard again, by the poll, empties the near cache between two of these.
        if path != OWN or (between == before and NEAR in route.headers):
            break
        assert monotonic() < deadline
    if path == OWN:
        assert await redis_commands(service) > between
    assert set(lane.headers) ^ set(route.headers) == set()
    assert lane == route
    assert lane.status == 200
    return lane


def words(chance: random.Random) -> str:
    """Make up a display name out of all the scripts there are."""
    alphabet = [*"abc XYZ-'.\"\\/<>&", *"äß€çİıŉ", *"日本語한국", *"אבג", *"👩‍👩‍👧🏽", "e\u0301", "\u00a0", "\u200f"]
    return "".join(chance.choice(alphabet) for _ in range(chance.randint(1, 30)))


async def test_the_lane_and_the_route_say_the_same_bytes_whatever_the_user_is_like(
    counting: Service, admin: Person
) -> None:
    chance = random.Random(20260301)
    root = (await admin.sign_in(service=counting)).access_token
    people = [await new_person(counting, f"person{number}@example.com") for number in range(4)]
    seen: set[bytes] = set()
    for _ in range(STATES):
        person = chance.choice(people)
        await change_something(counting, root, person, chance)
        token = (await person.sign_in()).access_token
        seen.add((await compare(counting, OWN, token)).body)
        await compare(
            counting, f"{VERIFY}/orders/{chance.randint(1, 99)}", token, chance.choice(["GET", "POST", "PUT"])
        )

    assert len(seen) > STATES // 2


async def change_something(service: Service, root: str, person: Person, chance: random.Random) -> None:
    """Change name, verification, roles, or nothing, as an admin."""
    path = f"/v1/users/{person.id}"
    which = chance.randint(0, 3)
    if which == 0:
        roles = chance.sample(["admin", "support", "billing:read", "a-b_c:d", "x"], chance.randint(0, 4))
        answer = await service.put(f"{path}/roles", token=root, json={"roles": roles})
    else:
        edit = [{"display_name": words(chance)}, {"display_name": None}, {"email_verified": True}][which - 1]
        answer = await service.patch(path, token=root, headers={"If-Match": "*"}, json=edit)
    assert answer.status_code == 200, answer.text


async def test_an_edit_is_seen_in_the_next_answer_of_the_lane(counting: Service) -> None:
    ada = await new_person(counting, "ada@example.com")
    token = (await ada.sign_in()).access_token
    former = await compare(counting, OWN, token)

    for name in ("Ada", "Ada Lovelace", "アダ"):
        edited = await counting.patch(OWN, token=token, headers={"If-Match": "*"}, json={"display_name": name})
        assert edited.status_code == 200
        latter = await compare(counting, OWN, token)
        assert latter.body == edited.content
        assert latter.body != former.body
        former = latter


HEADERS: list[Headers] = [
    [("Origin", ORIGIN)],
    [("Accept", "text/html")],
    [("If-None-Match", "*")],
    [("If-None-Match", '"nothing"')],
    [("If-Match", '"nothing"')],
    [("Range", "bytes=0-3")],
    [("Content-Type", "application/json"), ("Content-Length", "0")],
    [("X-Request-Id", "mine")],
    [("Cookie", "a=b")],
    [("Connection", "close")],
]
LIKE_OWN = [
    f"{OWN}?",
    f"{OWN}?x=1",
    f"{OWN}/",
    "/v1/users/%6de",
    "/v1/users//me",
    "/V1/users/me",
    f"{VERIFY}/../users/me",
]
LIKE_VERIFY = [
    *(
        f"{VERIFY}?",
        f"{VERIFY}?scope=x",
        f"{VERIFY}/",
        f"{VERIFY}//",
        f"{VERIFY}/a%0Ab",
        f"{VERIFY}/%00",
        f"{VERIFY};x",
    ),
    *("/v1/verify%2Fx", "/v1/verifyx", "/v1/verify%0A", f"{VERIFY}/%ff%fe", f"{VERIFY}/ü", "/v1/verif", "//v1/verify"),
]


@pytest.mark.parametrize("path", [OWN, VERIFY])
async def test_whatever_else_is_sent_the_answer_is_that_of_the_route(counting: Service, path: str) -> None:
    token = await warm_token(counting)

    for extra in HEADERS:
        lane, route = await ask(counting, path, token, extra), await ask(counting, path, token, [*extra, *TO_THE_ROUTE])
        assert (extra, lane) == (extra, route)


async def test_whatever_the_path_is_like_the_answer_is_that_of_the_route(counting: Service) -> None:
    token = await warm_token(counting)

    for path in [*LIKE_OWN, *LIKE_VERIFY]:
        assert (path, await ask(counting, path, token)) == (path, await ask(counting, path, token, TO_THE_ROUTE))


@pytest.mark.parametrize("path", [OWN, VERIFY])
async def test_whatever_the_method_is_the_answer_is_that_of_the_route(counting: Service, path: str) -> None:
    token = await warm_token(counting)

    for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "PROPFIND"):
        lane = await ask(counting, path, token, method=method)
        assert (method, lane) == (method, await ask(counting, path, token, TO_THE_ROUTE, method))


async def warm_token(service: Service) -> str:
    """Sign somebody in and read what is theirs, until nothing about them is news any more."""
    token = (await (await new_person(service, "ada@example.com")).sign_in()).access_token
    await compare(service, OWN, token)
    return token


async def test_a_warm_answer_costs_no_statement_and_no_redis_command(counting: Service) -> None:
    token = await warm_token(counting)
    await ask(counting, VERIFY, token)
    statements, commands = (await read_metrics(counting)).statements(), await redis_commands(counting)

    for _ in range(20):
        assert (await ask(counting, OWN, token)).status == 200
        assert (await ask(counting, f"{VERIFY}/anything", token)).status == 200

    assert (await read_metrics(counting)).statements() == statements
    assert await redis_commands(counting) == commands


@pytest.mark.parametrize(("path", "route"), [(OWN, OWN), (f"{VERIFY}/orders/17", VERIFY)])
async def test_a_warm_answer_is_told_in_the_log_like_any_other(counting: Service, path: str, route: str) -> None:
    token, request_id = await warm_token(counting), uuid4().hex
    await ask(counting, path, token)

    await ask(counting, path, token, [("X-Request-Id", request_id)])

    told = await line_of(counting, request_id)
    assert (told["route"], told["status"]) == (route, 200)
    assert (told["cache"], told["statements"]) == ("near", 0)


@pytest.mark.parametrize("path", [OWN, VERIFY])
class TestNobodyIsAnsweredByTheLane:
    """Each was answered warm a moment ago."""

    async def test_whose_session_has_ended(self, counting: Service, path: str) -> None:
        ada = await new_person(counting, "ada@example.com")
        ended, kept = (await ada.sign_in()).access_token, (await ada.sign_in()).access_token
        await warm_up(counting, path, ended, kept)

        assert (await counting.delete("/v1/sessions/current", token=ended)).status_code == 204

        assert problem(await counting.get(path, token=ended)) == (401, "token_invalid")
        assert (await ask(counting, path, kept)).status == 200

    async def test_whose_epoch_is_outdated(self, counting: Service, admin: Person, path: str) -> None:
        ada, eve = [await new_person(counting, f"{name}@example.com") for name in ("ada", "eve")]
        outdated, other = (await ada.sign_in()).access_token, (await eve.sign_in()).access_token
        await warm_up(counting, path, outdated, other)

        root = (await admin.sign_in(service=counting)).access_token
        given = await counting.put(f"/v1/users/{ada.id}/roles", token=root, json={"roles": ["support"]})

        assert given.status_code == 200
        assert problem(await counting.get(path, token=outdated)) == (401, "token_invalid")
        assert (await ask(counting, path, other)).status == 200

    async def test_whose_token_has_expired(self, counting: Service, database: asyncpg.Connection, path: str) -> None:
        token = (await (await new_person(counting, "ada@example.com")).sign_in()).access_token
        mint = await mint_of(database, token)
        # Two seconds of the leeway are left.
        ending = mint.again(token, exp=now() - LEEWAY + 3, iat=now() - 60)
        await warm_up(counting, path, ending, token)

        async def is_refused() -> bool:
            return (await ask(counting, path, ending)).status == 401

        await eventually(is_refused, within=5)
        assert (await ask(counting, path, token)).status == 200

    async def test_who_was_closed(self, counting: Service, path: str) -> None:
        ada, eve = [await new_person(counting, f"{name}@example.com") for name in ("ada", "eve")]
        closed, other = (await ada.sign_in()).access_token, (await eve.sign_in()).access_token
        await warm_up(counting, path, closed, other)

        assert (await counting.delete(OWN, token=closed)).status_code == 204

        assert problem(await counting.get(path, token=closed)) == (401, "token_invalid")
        assert (await ask(counting, path, other)).status == 200

    async def test_who_was_suspended(self, counting: Service, admin: Person, path: str) -> None:
        ada = await new_person(counting, "ada@example.com")
        suspended = (await ada.sign_in()).access_token
        root = (await admin.sign_in(service=counting)).access_token
        await warm_up(counting, path, suspended, root)

        done = await counting.post(f"/v1/users/{ada.id}/suspend", token=root, json={})

        assert done.status_code == 200
        assert problem(await counting.get(path, token=suspended)) == (401, "token_invalid")
        assert (await ask(counting, path, root)).status == 200


async def warm_up(service: Service, path: str, *tokens: str) -> None:
    for token in tokens:
        for _ in range(2):
            assert (await ask(service, path, token)).status == 200
