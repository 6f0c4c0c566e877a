"""Who refreshes: every device for itself, each time with the token it got last."""

import gevent

from loadtests.crowds.walking import Walker

_DONE_SECONDS = 0.5
_SETTLED = (200, 401)


class Refreshers(Walker):
    """Stands for as many devices as there are people per user, and refreshes one of them in each turn."""

    def on_start(self) -> None:
        self._held: dict[int, str] = {}
        super().on_start()

    def act(self) -> None:
        mine = range(self.number, self.world.plan.dataset.people, self.crowd.users)
        self.refresh("refresh", mine[self._turns % len(mine)], device=0)
        self._turns += 1

    def refresh(self, name: str, person: int, device: int) -> int:
        """Give the status of the answer."""
        raw_token = self._held.get(person) or self.world.purse.refresh_token(person, device)
        body = {"refresh_token": raw_token}
        answer = self.ask(name, "POST", "/v1/sessions/refresh", person=person, json=body, is_first=True)
        if answer.status == 200:  # noqa: PLR2004
            self._held[person] = answer.json()["refresh_token"]
        return answer.status


class Expired(Refreshers):
    """The same devices a second time: whose tokens have all expired in the same instant.

    Each refreshes once; whoever is refused for another reason than a session that is over tries again.
    """

    def act(self) -> None:
        mine = range(self.number, self.world.plan.dataset.people, self.crowd.users)
        if self._turns < len(mine):
            if self.refresh("refresh at once", mine[self._turns], device=1) in _SETTLED:
                self._turns += 1
        else:
            gevent.sleep(_DONE_SECONDS)
