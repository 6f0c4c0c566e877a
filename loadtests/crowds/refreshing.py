"""Who refreshes: every device for itself, each time with the token it got last."""

from loadtests.crowds.walking import Walker


class Refreshers(Walker):
    """Stands for as many devices as there are people per user, and refreshes one of them in each turn."""

    def on_start(self) -> None:
        self._turns = 0
        self._held: dict[int, str] = {}
        super().on_start()

    def act(self) -> None:
        mine = range(self.number, self.world.plan.dataset.people, self.crowd.users)
        person = mine[self._turns % len(mine)]
        self._turns += 1
        raw_token = self._held.get(person) or self.world.purse.refresh_token(person)
        body = {"refresh_token": raw_token}
        answer = self.ask("refresh", "POST", "/v1/sessions/refresh", person=person, json=body, is_first=True)
        if answer.status == 200:  # noqa: PLR2004
            self._held[person] = answer.json()["refresh_token"]
