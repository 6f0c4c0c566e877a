"""Refreshing against a model of it: in whatever order, one lineage a session, and no 401 that the model has not."""

import asyncio
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.kit.ageing import A_MOMENT, AGE, GRACE, IDLE, age
from tests.kit.claims import lineage, roles_of
from tests.kit.clocks import WrongClock, replica_with_wrong_clock
from tests.kit.environment import Addresses
from tests.kit.everywhere import PROMISED_SECONDS
from tests.kit.people import Person, SignedIn, new_person
from tests.kit.refreshing import refresh, session_row
from tests.kit.services import Caller, Service
from tests.kit.waiting import eventually

Answer = TypeVar("Answer")
MOST_SESSIONS, MOST_RUNNING = 8, 3
numbers = st.integers(min_value=0, max_value=1_000)
DAYS = timedelta(days=20)


@dataclass
class Lineage:
    """What the model knows of one session."""

    session_id: str
    tokens: list[str]
    access_token: str
    epoch: int
    old: timedelta = timedelta(0)
    unused: timedelta = timedelta(0)
    has_rotated: bool = False
    ended_by: str | None = None

    @property
    def generation(self) -> int:
        return len(self.tokens) - 1

    @property
    def has_expired(self) -> bool:
        return self.old >= AGE or self.unused >= IDLE

    @property
    def is_running(self) -> bool:
        return self.ended_by is None and not self.has_expired

    @property
    def is_within_grace(self) -> bool:
        return self.has_rotated and self.unused < GRACE

    def expects(self, generation: int) -> str:
        """Say what a token of this generation is good for now."""
        if not self.is_running:
            return "refused"
        if generation == self.generation:
            return "repeated" if self.is_within_grace else "rotated"
        return "repeated" if generation == self.generation - 1 and self.is_within_grace else "replayed"


@dataclass
class World:
    """The real thing that the model is held against."""

    loop: asyncio.AbstractEventLoop
    home: Service
    replicas: tuple[Caller, ...]
    wrong: WrongClock
    database: asyncpg.Connection
    boss: str
    examples: int = 0

    def run(self, asked: Coroutine[Any, Any, Answer]) -> Answer:
        """Run on the loop of the test, from the thread in which the machine steps."""
        return asyncio.run_coroutine_threadsafe(asked, self.loop).result(60)

    def gather(self, *asked: Awaitable[Answer]) -> list[Answer]:
        async def all_of_them() -> list[Answer]:
            return list(await asyncio.gather(*asked))

        return self.run(all_of_them())


class RefreshMachine(RuleBasedStateMachine):
    """Somebody with a few sessions, and all that can happen to them."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.sessions: list[Lineage] = []
        self.epoch = 0
        self.roles: list[str] = []

    @initialize()
    def register(self) -> None:
        self.world.examples += 1
        email = f"ada-{self.world.examples}@example.com"
        self.ada: Person = self.world.run(new_person(self.world.home, email))
        self.log_in(0)

    @rule(number=numbers)
    @precondition(lambda self: len(self.sessions) < MOST_SESSIONS and len(self.running()) < MOST_RUNNING)
    def log_in(self, number: int) -> None:
        pair = self.world.run(self.ada.sign_in(None, self._replica(number)))
        assert lineage(pair.refresh_token) == (pair.session_id.replace("-", ""), 0)
        self.sessions.append(Lineage(pair.session_id, [pair.refresh_token], pair.access_token, self.epoch))

    @rule(number=numbers)
    def refresh_current(self, number: int) -> None:
        session = self._session(number)
        self._present(session, session.generation, number)

    @rule(number=numbers, times=st.integers(min_value=1, max_value=5), pause=st.sampled_from([GRACE, DAYS]))
    def go_on_for_a_while(self, number: int, times: int, pause: timedelta) -> None:
        """What clients do nearly always: wait until it is time again, refresh."""
        session = self._session(number)
        for _ in range(times):
            self._grow_older(session, pause)
            self._present(session, session.generation, number)

    @rule(number=numbers, times=st.integers(min_value=1, max_value=3), rest=st.sampled_from([GRACE, GRACE / 10]))
    def copy_a_token_and_show_it_later(self, number: int, times: int, rest: timedelta) -> None:
        """What a thief does: meanwhile its owner has gone on."""
        session = self._session(number)
        copied = session.generation
        for _ in range(times):
            self._grow_older(session, GRACE)
            self._present(session, session.generation, number)
        self._grow_older(session, rest)
        self._present(session, copied, number)

    @rule(number=numbers, back=st.integers(min_value=1, max_value=4))
    def present_an_old_token(self, number: int, back: int) -> None:
        session = self._session(number)
        self._present(session, max(session.generation - back, 0), number)

    @rule(number=numbers, tabs=st.integers(min_value=2, max_value=6))
    def refresh_in_parallel(self, number: int, tabs: int) -> None:
        """Several tabs with the same current token."""
        session = self._session(number)
        expected = session.expects(session.generation)
        token = session.tokens[-1]
        answers = self.world.gather(*(refresh(self._replica(tab), token) for tab in range(tabs)))
        for answer in answers:
            self._compare(session, expected, answer)
            # Whoever comes after the first gets its token again.
            expected = "repeated" if expected == "rotated" else expected

    @rule(number=numbers, tabs=st.integers(min_value=2, max_value=6))
    def race_with_the_former_token(self, number: int, tabs: int) -> None:
        """Tabs with the current token and tabs with the one before, all at once."""
        session = self._session(number)
        if session.generation == 0:
            return
        is_harmless = session.expects(session.generation - 1) != "replayed"
        asked = [session.tokens[-1 - tab % 2] for tab in range(tabs)]
        answers = self.world.gather(*(refresh(self._replica(tab), token) for tab, token in enumerate(asked)))
        if is_harmless:
            for answer in answers:
                self._compare(session, session.expects(session.generation), answer)
            return
        # In whatever order they came, the former token was a replay; the current one may have been before it.
        assert all(answer.status_code == 401 for answer in answers[1::2])
        assert {answer.status_code for answer in answers[::2]} <= {200, 401}
        session.ended_by = "replay"
        outdated = [SignedIn.of(answer).access_token for answer in answers if answer.status_code == 200]
        for access_token in outdated:
            self._sees_refused(access_token)

    @rule(number=numbers)
    def log_out(self, number: int) -> None:
        session = self._session(number)
        if session.ended_by is not None or session.epoch < self.epoch:
            return
        service = self._replica(number)
        answer = self.world.run(service.delete("/v1/sessions/current", token=session.access_token))
        assert answer.status_code == (404 if session.has_expired else 204), answer.text
        if session.is_running:
            session.ended_by = "signed_out"

    @rule(number=numbers)
    def change_roles(self, number: int) -> None:
        roles = [f"role-{number}"]
        path = f"/v1/users/{self.ada.id}/roles"
        asked = self._replica(number).put(path, json={"roles": roles}, token=self.world.boss)
        assert self.world.run(asked).status_code == 200
        self.epoch += roles != self.roles
        self.roles = roles

    @rule(number=numbers)
    def suspend_and_reinstate(self, number: int) -> None:
        path = f"/v1/users/{self.ada.id}"
        suspended = self._replica(number).post(f"{path}/suspend", json={}, token=self.world.boss)
        assert self.world.run(suspended).status_code == 200
        reinstated = self._replica(number).post(f"{path}/reinstate", token=self.world.boss)
        assert self.world.run(reinstated).status_code == 200
        self.epoch += 2
        for session in self.sessions:
            session.ended_by = session.ended_by or "suspended"

    @rule(seconds=st.sampled_from([-30.0, 30.0, 3600.0, -3600.0]))
    def set_the_clock_of_a_replica(self, seconds: float) -> None:
        self.world.run(self.world.wrong.move(seconds))

    @rule(number=numbers, by=st.sampled_from([GRACE, GRACE + A_MOMENT, GRACE / 10, DAYS, IDLE + A_MOMENT]))
    def grow_older(self, number: int, by: timedelta) -> None:
        self._grow_older(self._session(number), by)

    @invariant()
    def rows_say_what_the_model_says(self) -> None:
        for session in self.sessions:
            row = self.world.run(session_row(self.world.database, session.session_id))
            assert row["ended_by"] == session.ended_by
            # After the end it does not matter how far it had come.
            assert session.ended_by or row["generation"] == session.generation

    @invariant()
    def access_tokens_stand_exactly_while_session_and_epoch_do(self) -> None:
        for number, session in enumerate(self.sessions):
            if session.ended_by is not None or session.epoch < self.epoch:
                self._sees_refused(session.access_token)
            else:
                assert self.world.run(self._replica(number).accepts(session.access_token))

    def teardown(self) -> None:
        """Nobody was signed out without a reason: every running session still refreshes."""
        for session in self.sessions:
            self._present(session, session.generation, 0)

    def _present(self, session: Lineage, generation: int, number: int) -> None:
        expected = session.expects(generation)
        answer = self.world.run(refresh(self._replica(number), session.tokens[generation]))
        self._compare(session, expected, answer)

    def _compare(self, session: Lineage, expected: str, answer: httpx.Response) -> None:
        """Hold an answer against what the model expects, and let the model follow."""
        if expected in {"refused", "replayed"}:
            assert answer.status_code == 401, answer.text
            session.ended_by = session.ended_by or ("replay" if expected == "replayed" else None)
            return
        pair = SignedIn.of(answer)
        if expected == "rotated":
            session.tokens.append(pair.refresh_token)
            session.has_rotated, session.unused = True, timedelta(0)
        assert pair.session_id == session.session_id
        assert pair.refresh_token == session.tokens[-1]
        assert roles_of(pair.access_token) == self.roles
        session.access_token, session.epoch = pair.access_token, self.epoch

    def _sees_refused(self, access_token: str) -> None:
        for replica in self.world.replicas:
            self.world.run(eventually(replica.refuses, access_token, within=PROMISED_SECONDS))

    def running(self) -> list[Lineage]:
        return [session for session in self.sessions if session.is_running]

    def _grow_older(self, session: Lineage, by: timedelta) -> None:
        self.world.run(age(self.world.database, session.session_id, by))
        session.old += by
        session.unused += by

    def _session(self, number: int) -> Lineage:
        """Choose a session: mostly one that is running, as long as there is one."""
        chosen = self.running() if number % 5 else self.sessions
        return (chosen or self.sessions)[number % len(chosen or self.sessions)]

    def _replica(self, number: int) -> Caller:
        return self.world.replicas[number % len(self.world.replicas)]


@pytest.mark.parametrize(
    ("examples", "steps"),
    [
        # A failure is narrowed down for some minutes before it is told.
        pytest.param(8, 25, id="a-few-lives", marks=pytest.mark.timeout(600)),
        pytest.param(200, 50, id="many-lives", marks=[pytest.mark.prove, pytest.mark.timeout(3600)]),
    ],
)
async def test_every_course_of_events_is_one_the_model_knows(
    replicas: tuple[Service, Service],
    stores: Addresses,
    database: asyncpg.Connection,
    admin: Person,
    examples: int,
    steps: int,
) -> None:
    boss = await admin.sign_in()
    bounds = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    async with replica_with_wrong_clock(stores, 30.0) as (third, wrong):
        world = World(asyncio.get_running_loop(), replicas[0], (*replicas, third), wrong, database, boss.access_token)
        # Hypothesis takes any callable that makes a machine; its types say less.
        machine = cast("type[RuleBasedStateMachine]", lambda: RefreshMachine(world))
        await asyncio.to_thread(run_state_machine_as_test, machine, settings=bounds)
