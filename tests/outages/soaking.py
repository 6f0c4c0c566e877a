"""People who use the service all day, and a ledger of what they were told."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

import asyncpg
import httpx

from tests.kit.people import PASSWORD, SignedIn
from tests.kit.refreshing import refresh
from tests.kit.services import Service
from tests.outages.behind import expect_away

LONGEST_THOUGHT = 0.1


@dataclass
class Ledger:
    """What clients were told is so, and what may be so because nobody was told the outcome."""

    names: dict[str, str | None] = field(default_factory=dict)
    tried_names: dict[str, set[str]] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    given_up: set[str] = field(default_factory=set)
    generations: dict[str, int] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)

    def has_refused(self, answer: httpx.Response) -> bool:
        """Take an answer down; a refusal must say that it is not for good. Anything else but success is a defect."""
        self.statuses[answer.status_code] += 1
        if answer.is_success:
            return False
        expect_away(answer)
        return True

    async def contradictions(self, database_url: str) -> dict[str, object]:
        """Compare with what is stored; gives what the store has lost or ended or changed on its own."""
        database = await asyncpg.connect(database_url)
        users = await database.fetch("SELECT id::text, display_name FROM users")
        sessions = await database.fetch("SELECT id::text, ended_at IS NOT NULL AS over, generation FROM sessions")
        await database.close()
        names = {row["id"]: row["display_name"] for row in users}
        over = {row["id"]: row["over"] for row in sessions}
        generations = {row["id"]: row["generation"] for row in sessions}
        found = {
            "users lost": self.names.keys() - names.keys(),
            "names lost": [
                user_id
                for user_id, name in self.names.items()
                if user_id in names and names[user_id] not in {name, *self.tried_names.get(user_id, ())}
            ],
            "sessions lost": self.opened - over.keys(),
            "sessions running again": [session_id for session_id in self.ended if not over.get(session_id, True)],
            "sessions ended by nobody": [
                session_id
                for session_id in self.opened - self.ended - self.given_up
                if over.get(session_id) and session_id in over
            ],
            "rotations lost": [
                session_id
                for session_id, generation in self.generations.items()
                if generations.get(session_id, generation) < generation
            ],
        }
        return {what: those for what, those in found.items() if those}


@dataclass
class Regular:
    """Somebody who registers, signs in and then does a little of everything, on whichever replica it comes to."""

    replicas: tuple[Service, ...]
    ledger: Ledger
    email: str
    chance: random.Random
    user_id: str = ""
    session: SignedIn | None = None
    has_lost_an_answer: bool = False
    names: int = 0

    async def live(self, stopped: asyncio.Event) -> None:
        while not stopped.is_set():
            await self._step()
            await asyncio.sleep(self.chance.uniform(0, LONGEST_THOUGHT))

    async def _step(self) -> None:
        if not self.user_id:
            await self._register()
        elif self.session is None:
            await self._sign_in()
        elif self.has_lost_an_answer:
            await self._refresh(self.session)
        else:
            acts = (self._read, self._verify, self._list, self._refresh, self._rename, self._sign_out)
            (act,) = self.chance.choices(acts, weights=(50, 20, 10, 10, 8, 2))
            await act(self.session)

    def _any(self) -> Service:
        return self.chance.choice(self.replicas)

    async def _register(self) -> None:
        """Try again with the same key after a refusal: whatever became of the first try, it makes one user."""
        body = {"email": self.email, "password": PASSWORD}
        answer = await self._any().post("/v1/users", json=body, headers={"Idempotency-Key": self.email})
        if not self.ledger.has_refused(answer):
            self.user_id = answer.json()["id"]
            self.ledger.names[self.user_id] = None

    async def _sign_in(self) -> None:
        answer = await self._any().post("/v1/sessions", json={"email": self.email, "password": PASSWORD})
        if not self.ledger.has_refused(answer):
            self.session = SignedIn.of(answer)
            self.ledger.opened.add(self.session.session_id)

    async def _read(self, session: SignedIn) -> None:
        answer = await self._any().get("/v1/users/me", token=session.access_token)
        if not self.ledger.has_refused(answer):
            assert answer.json()["id"] == self.user_id

    async def _verify(self, session: SignedIn) -> None:
        answer = await self._any().get("/v1/verify", token=session.access_token)
        assert not self.ledger.has_refused(answer), "memory alone answers this"
        assert answer.headers["x-signet-user"] == self.user_id

    async def _list(self, session: SignedIn) -> None:
        answer = await self._any().get("/v1/sessions", token=session.access_token)
        if not self.ledger.has_refused(answer):
            assert session.session_id in {item["id"] for item in answer.json()["items"]}

    async def _refresh(self, session: SignedIn) -> None:
        answer = await refresh(self._any(), session.refresh_token)
        self.has_lost_an_answer = self.ledger.has_refused(answer)
        if not self.has_lost_an_answer:
            self.session = SignedIn.of(answer)
            generation = int(self.session.refresh_token.split(".")[3])
            self.ledger.generations[session.session_id] = generation

    async def _rename(self, session: SignedIn) -> None:
        self.names += 1
        name = f"{self.email} {self.names}"
        answer = await self._any().patch(
            "/v1/users/me", token=session.access_token, headers={"If-Match": "*"}, json={"display_name": name}
        )
        if self.ledger.has_refused(answer):
            self.ledger.tried_names.setdefault(self.user_id, set()).add(name)
        else:
            self.ledger.names[self.user_id] = name
            self.ledger.tried_names.pop(self.user_id, None)

    async def _sign_out(self, session: SignedIn) -> None:
        answer = await self._any().delete("/v1/sessions/current", token=session.access_token)
        if self.ledger.has_refused(answer):
            self.ledger.given_up.add(session.session_id)
        else:
            self.ledger.ended.add(session.session_id)
        self.session = None
