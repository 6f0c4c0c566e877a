"""Who signs in, and who only tries."""

from loadtests import people
from loadtests.crowds.walking import Walker


class Arrivals(Walker):
    """Signs in, each time as somebody else, from an address of their own."""

    def act(self) -> None:
        person = (self.number + self._turns * self.crowd.users) % self.world.plan.dataset.people
        self._turns += 1
        body = {"email": people.email(person), "password": people.PASSWORD, "device": "Monday"}
        self.ask("sign in", "POST", "/v1/sessions", person=person, json=body, expects=(201, 503), is_first=True)


class Guessers(Walker):
    """Tries one password after the other, all from one address: what limits are for."""

    def act(self) -> None:
        body = {"email": people.email(self.random.randrange(self.world.plan.dataset.people)), "password": "guessed!!"}
        self.ask("guess", "POST", "/v1/sessions", person=-1, json=body, expects=(401, 429, 503), is_first=True)
