"""ETags of users: they change exactly when the representation does."""

import random
from collections.abc import Awaitable, Callable
from uuid import UUID

import httpx
import pytest

from tests.kit.accounts import make_person
from tests.kit.people import PASSWORD, Person, SignedIn
from tests.kit.services import Service

STEPS = 60


class Sightings:
    """Every representation that was seen, and the ETag it came with."""

    def __init__(self) -> None:
        self.seen: set[tuple[bytes, str]] = set()

    def add(self, answer: httpx.Response) -> None:
        """Take down an answer that shows the user; a body has one ETag, and an ETag one body."""
        assert answer.status_code in {200, 201}, answer.text
        self.seen.add((answer.content, answer.headers["etag"]))
        assert len(self.seen) == len({body for body, _ in self.seen}) == len({etag for _, etag in self.seen})


class Life:
    """Somebody's life as admins and they themselves shape it: real changes, changes to the same, and none at all."""

    def __init__(self, service: Service, boss: SignedIn, person: Person, chance: random.Random) -> None:
        self.service, self.boss, self.person, self.chance = service, boss, person, chance
        self.path = f"/v1/users/{person.id}"

    def turn(self) -> Callable[[], Awaitable[httpx.Response]]:
        """Choose what happens next."""
        return self.chance.choice(
            [self.rename, self.rename_as_admin, self.verify, self.set_roles, self.suspend, self.reinstate, self.rest]
        )

    async def rename(self) -> httpx.Response:
        answer = await self.service.post("/v1/sessions", json={"email": self.person.email, "password": PASSWORD})
        if answer.status_code == 403:
            return await self.reinstate()
        token, body = answer.json()["access_token"], {"display_name": self.chance.choice(["Ada", "Countess", None])}
        return await self.service.patch("/v1/users/me", token=token, headers={"If-Match": "*"}, json=body)

    async def rename_as_admin(self) -> httpx.Response:
        return await self._edit({"display_name": self.chance.choice(["Ada", "Countess", None])})

    async def verify(self) -> httpx.Response:
        return await self._edit({"email_verified": True})

    async def set_roles(self) -> httpx.Response:
        roles = self.chance.choice([[], ["a"], ["a", "b"], ["b", "a"], ["b", "b"]])
        return await self.service.put(f"{self.path}/roles", token=self.boss.access_token, json={"roles": roles})

    async def suspend(self) -> httpx.Response:
        return await self.service.post(f"{self.path}/suspend", token=self.boss.access_token, json={})

    async def reinstate(self) -> httpx.Response:
        return await self.service.post(f"{self.path}/reinstate", token=self.boss.access_token)

    async def rest(self) -> httpx.Response:
        """End sessions: the user is the same as before."""
        await self.service.delete(f"{self.path}/sessions", token=self.boss.access_token)
        return await self.read(self.service)

    async def read(self, service: Service) -> httpx.Response:
        return await service.get(self.path, token=self.boss.access_token)

    async def _edit(self, body: object) -> httpx.Response:
        return await self.service.patch(self.path, token=self.boss.access_token, headers={"If-Match": "*"}, json=body)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_an_etag_changes_exactly_when_the_representation_does(
    replicas: tuple[Service, Service], boss: SignedIn, seed: int
) -> None:
    person = await make_person(replicas[0], boss.access_token, "ada@example.com")
    life, sightings = Life(replicas[0], boss, person, random.Random(seed)), Sightings()

    for _ in range(STEPS):
        told = await life.turn()()
        read = await life.read(replicas[0])

        assert (read.content, read.headers["etag"]) == (told.content, told.headers["etag"])
        sightings.add(told)
        sightings.add(await life.read(replicas[1]))

    assert len(sightings.seen) > STEPS / 5
    assert {UUID(person.id)} == {UUID(httpx.Response(200, content=body).json()["id"]) for body, _ in sightings.seen}


async def test_the_etag_is_strong_and_names_shape_and_version(service: Service, ada: Person) -> None:
    answer = await service.get("/v1/users/me", token=(await ada.sign_in()).access_token)

    assert answer.headers["etag"] == '"1.1"'


async def test_a_new_password_is_no_change_of_the_user(service: Service, ada: Person) -> None:
    session = await ada.sign_in()
    before = await service.get("/v1/users/me", token=session.access_token)
    body = {"current_password": ada.password, "new_password": "another fine password"}
    changed = SignedIn.of(await service.put("/v1/account/password", token=session.access_token, json=body))

    after = await service.get("/v1/users/me", token=changed.access_token)

    assert (after.content, after.headers["etag"]) == (before.content, before.headers["etag"])
