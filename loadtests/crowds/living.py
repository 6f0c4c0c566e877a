"""Who lives a day: signs in, reads, edits, refreshes, logs out; and who is new."""

from secrets import token_hex

from loadtests import people
from loadtests.crowds.walking import Walker

_CREATED, _OK, _NO_CONTENT = 201, 200, 204


class Residents(Walker):
    """One device. Each turn is one thing people do; most of the time that is looking at something."""

    def on_start(self) -> None:
        self._person = self.draw()
        self._access = ""
        self._refresh = ""
        self._renews_at = 0.0
        super().on_start()

    def pause(self) -> float:
        """Think for a while, sometimes longer than at others."""
        return self.crowd.every * self.random.uniform(0.5, 1.5)

    def act(self) -> None:
        if not self._access:
            self._sign_in()
            return
        if self.world.now > self._renews_at:
            self._renew()
            return
        lot = self.random.random()
        if lot < self.option("leaves", 0.01):
            self._log_out()
        elif lot < self.option("edits", 0.04):
            self._edit()
        elif lot < self.option("lists", 0.07):
            self._ask("list sessions", "/v1/sessions?limit=5")
        elif lot < self.option("verifies", 0.25):
            self._ask("verify", "/v1/verify")
        else:
            self.world.seen.add(self._person)
            self._ask("read", "/v1/users/me")

    def _ask(self, name: str, path: str) -> None:
        self.ask(name, "GET", path, person=self._person, token=self._access, is_first=True)

    def _sign_in(self) -> None:
        body = {"email": people.email(self._person), "password": people.PASSWORD, "device": f"Device {self.number}"}
        answer = self.ask(
            "sign in", "POST", "/v1/sessions", person=self._person, json=body, expects=(_CREATED,), is_first=True
        )
        if answer.status == _CREATED:
            self._keep(answer.json())

    def _renew(self) -> None:
        body = {"refresh_token": self._refresh}
        answer = self.ask("refresh", "POST", "/v1/sessions/refresh", person=self._person, json=body, is_first=True)
        if answer.status == _OK:
            self._keep(answer.json())

    def _edit(self) -> None:
        person, token = self._person, self._access
        self.world.seen.add(person)
        seen = self.ask("read to edit", "GET", "/v1/users/me", person=person, token=token, is_first=True)
        if not seen.etag:
            return
        body = {"display_name": f"{people.display_name(person)} the {self.random.randrange(10**6)}th"}
        headers = {"If-Match": seen.etag}
        self.ask(
            "edit", "PATCH", "/v1/users/me", person=person, token=token, expects=(200, 412), headers=headers, json=body
        )

    def _log_out(self) -> None:
        self.ask(
            "log out", "DELETE", "/v1/sessions/current",
            person=self._person, token=self._access, expects=(_NO_CONTENT,), is_first=True,
        )  # fmt: skip
        self._access = self._refresh = ""
        self._person = self.draw()

    def _keep(self, pair: dict[str, str]) -> None:
        self._access, self._refresh = pair["access_token"], pair["refresh_token"]
        # On time, for a life that is short enough to end in a run of a minute.
        self._renews_at = self.world.now + self.option("renews", 5.0) * self.random.uniform(0.9, 1.0)


class Newcomers(Walker):
    """Registers, each time as somebody new from an address of their own; signs in, and looks at what is there."""

    def act(self) -> None:
        person = self.number + self._turns * self.crowd.users
        self._turns += 1
        body = {"email": f"new-{token_hex(8)}@{people.DOMAIN}", "password": people.PASSWORD}
        made = self.ask("register", "POST", "/v1/users", person=person, json=body, expects=(_CREATED,), is_first=True)
        if made.status != _CREATED:
            return
        signed_in = self.ask("sign in", "POST", "/v1/sessions", person=person, json=body, expects=(_CREATED,))
        if signed_in.status == _CREATED:
            self.ask("read", "GET", "/v1/users/me", person=person, token=signed_in.json()["access_token"])
