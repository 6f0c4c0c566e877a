"""Who logs out: at one replica, while another is asked how long the token still lets them in."""

import time

import gevent

from loadtests.crowds.walking import Walker

_GIVEN_UP_SECONDS = 5.0
_PAUSE_SECONDS = 0.002


class Leavers(Walker):
    """Logs somebody out at its own replica and asks the next one until it refuses."""

    def act(self) -> None:
        person = self.number + self._turns * self.crowd.users
        if person >= self.world.plan.dataset.people:
            return
        self._turns += 1
        # Others read as the same people on the first device.
        token = self.world.purse.access_token(person, device=1)
        if self._is_accepted(person, token):
            answer = self.ask(
                "log out", "DELETE", "/v1/sessions/current", person=person, token=token, expects=(204,), is_first=True
            )
            if answer.status == 204:  # noqa: PLR2004
                self.measured("revocation lag", 1000 * self._lag(person, token))

    def _lag(self, person: int, token: str) -> float:
        """Measure from the answer to the beginning of the last request that was still let through."""
        revoked_at = last_accepted_at = time.perf_counter()
        while time.perf_counter() - revoked_at < _GIVEN_UP_SECONDS:
            asked_at = time.perf_counter()
            if not self._is_accepted(person, token):
                return last_accepted_at - revoked_at
            last_accepted_at = asked_at
            gevent.sleep(_PAUSE_SECONDS)
        return _GIVEN_UP_SECONDS

    def _is_accepted(self, person: int, token: str) -> bool:
        elsewhere = self.world.host(self.number + 1)
        answer = self.ask(
            "verify elsewhere", "GET", f"{elsewhere}/v1/verify", person=person, token=token, expects=(200, 401)
        )
        return answer.status != 401  # noqa: PLR2004
