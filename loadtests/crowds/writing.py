"""Who writes."""

from loadtests import people
from loadtests.crowds.walking import Walker


class Editors(Walker):
    """Reads a profile and changes its name, as a form does; whoever was overtaken in between leaves it.

    With the option `own` everybody edits one person that popularity hardly ever draws.
    """

    def act(self) -> None:
        person = self.world.plan.dataset.people - 1 - self.number if self.option("own", 0) else self.draw()
        token = self.world.purse.access_token(person)
        self.world.seen.add(person)
        seen = self.ask(
            "read to edit", "GET", "/v1/users/me", person=person, token=token, expects=(200, 503), is_first=True
        )
        if seen.etag:
            name = f"{people.display_name(person)} the {self.random.randrange(10**6)}th"
            self.ask(
                "edit", "PATCH", "/v1/users/me",
                person=person, token=token, expects=(200, 412, 503), headers={"If-Match": seen.etag},
                json={"display_name": name},
            )  # fmt: skip


class Probes(Walker):
    """Asks each time for something that only Postgres knows, and tells by that whether it is back."""

    def act(self) -> None:
        person = self.number
        token = self.world.purse.access_token(person)
        self.ask("probe", "GET", "/v1/sessions?limit=1", person=person, token=token, expects=(200, 503), is_first=True)
