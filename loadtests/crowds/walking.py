"""What all simulated users have in common: a number, a place in the schedule, and how they ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

import gevent
from locust import FastHttpUser, task
from locust.contrib.fasthttp import FastResponse

from loadtests import people
from loadtests.scenario import Crowd
from loadtests.tally import SKIPPED
from loadtests.world import NEVER, World

# A turn that could begin only so late, for the answer to the one before, is left out and counted.
_TOO_LATE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; status 0: nothing did."""

    _answer: FastResponse

    @property
    def status(self) -> int:
        return int(self._answer.status_code or 0)

    @property
    def etag(self) -> str:
        headers = self._answer.headers
        return str(headers.get("ETag") or "") if headers is not None else ""

    def json(self) -> dict[str, str]:
        return dict(self._answer.json())


class Walker(FastHttpUser):
    """Takes turns by the schedule of its crowd. A latency counts from the instant the turn was due."""

    abstract = True
    network_timeout = 15.0
    connection_timeout = 5.0
    world: ClassVar[World]

    def __init__(self, environment: Any) -> None:
        kind = type(self).__name__
        self.crowd: Crowd = self.world.crowd(kind)
        self.number = self.world.next_number(kind)
        self.host = self.world.host(self.number)
        self.random = Random(f"{kind} {self.number}")  # noqa: S311 - the same run again, not secrecy
        self._rank = (self.number + 0.5) / self.crowd.users
        self._due = 0.0
        self._turns = 0
        super().__init__(environment)

    def on_start(self) -> None:
        self._due = self.world.next_turn(self.crowd, self._rank, self._due)
        gevent.sleep(self._until_due())

    @task
    def take_turn(self) -> None:
        if not self.world.is_over:
            self.act()

    def wait_time(self) -> float:
        """Say how long Locust is to wait until the next turn."""
        now = self.world.now
        if not self.crowd.every:
            self._due = self.world.next_turn(self.crowd, self._rank, now)
            return self._until_due()
        due = self._due + self.pause()
        if due < now - _TOO_LATE_SECONDS:
            skipped = int((now - due) / self.crowd.every)
            due += skipped * self.crowd.every
            for _ in range(skipped):
                self.world.note(SKIPPED, type(self).__name__, 1.0)
        self._due = self.world.next_turn(self.crowd, self._rank, due)
        return self._until_due()

    def pause(self) -> float:
        """Say how long after the last turn the next one is due, in seconds."""
        return self.crowd.every

    def act(self) -> None:
        """Do what such users do in one turn."""
        raise NotImplementedError

    def draw(self) -> int:
        """Choose a person as popularity has it; with the option `among` one of so many, the most popular ones."""
        among = self.option("among", self.world.plan.dataset.people)
        while (person := self.world.popularity.draw(self.random)) >= among:
            pass
        return person

    def option(self, name: str, otherwise: float) -> float:
        return self.crowd.options.get(name, otherwise)

    def ask(
        self,
        name: str,
        method: str,
        path: str,
        *,
        person: int,
        token: str | None = None,
        is_first: bool = False,
        **more: Any,
    ) -> Answer:
        """Send a request for a person; `is_first` is the one for which the turn was due.

        `expects` are the statuses that are as they should be, 200 unless it is given; all else goes to the client.
        """
        expects: tuple[int, ...] = more.pop("expects", (200,))
        sent = {**more.pop("headers", {}), **self._proxied(person)}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        waited = max(0.0, self.world.now - self._due) * 1000 if is_first and self.crowd.every else 0.0
        context = {"waited": waited}
        with self.client.request(
            method, path, name=name, headers=sent, catch_response=True, context=context, **more
        ) as answer:
            if answer.status_code in expects:
                answer.success()
            else:
                answer.failure(f"status {answer.status_code}")
        return Answer(answer)

    def measured(self, name: str, milliseconds: float) -> None:
        """Tell a duration that is not that of one request."""
        self.environment.events.request.fire(
            request_type="", name=name, response_time=milliseconds, response_length=0, exception=None, context={}
        )

    def _proxied(self, person: int) -> Mapping[str, str]:
        header = self.world.plan.proxy_header
        return {header: people.address(person)} if header else {}

    def _until_due(self) -> float:
        if self._due == NEVER:
            return max(0.0, self.world.plan.seconds - self.world.now) + 60.0
        return max(0.0, self._due - self.world.now)
