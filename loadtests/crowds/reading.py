"""Who reads: gateways that carry the tokens of many people."""

from gevent.pool import Pool

from loadtests.crowds.walking import Walker


class Readers(Walker):
    """Reads profiles of people as popular as the dataset says; now and then it only asks whether a token stands."""

    def act(self) -> None:
        person = self.draw()
        token = self.world.purse.access_token(person)
        if self.random.random() < self.option("verifies", 0.0):
            self.ask("verify", "GET", "/v1/verify", person=person, token=token, is_first=True)
            return
        self.world.seen.add(person)
        self.ask("read", "GET", "/v1/users/me", person=person, token=token, is_first=True)


class Verifiers(Walker):
    """Asks whether tokens stand, as a gateway does before each request."""

    def act(self) -> None:
        person = self.draw()
        token = self.world.purse.access_token(person)
        self.ask("verify", "GET", "/v1/verify", person=person, token=token, is_first=True)


class Herds(Walker):
    """Asks for one person nobody has asked for, many times in the same instant, at one replica.

    Their people are counted down from the end of the dataset, where popularity never comes.
    """

    concurrency = 50

    def act(self) -> None:
        person = self.world.plan.dataset.people - 1 - self.number - self._turns * self.crowd.users
        self._turns += 1
        self.world.seen.add(person)
        token = self.world.purse.access_token(person)
        size = int(self.option("size", 10))
        pool = Pool(size)
        for _ in range(size):
            pool.spawn(self.ask, "herd", "GET", "/v1/users/me", person=person, token=token)
        pool.join()


class Listers(Walker):
    """Lists sessions, which is read from Postgres each time."""

    def act(self) -> None:
        person = self.draw()
        token = self.world.purse.access_token(person)
        path = "/v1/sessions?limit=5"
        self.ask("list sessions", "GET", path, person=person, token=token, expects=(200, 503), is_first=True)
