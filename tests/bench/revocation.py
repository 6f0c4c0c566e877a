"""make bench-revocation: how long after a revocation's 204 another replica still accepts the token."""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from time import monotonic

import httpx

from tests.bench.measuring import LIMITS_ON, bench_stores
from tests.kit.environment import Addresses
from tests.kit.people import Person, SignedIn, new_person
from tests.kit.programs import cold
from tests.kit.services import Service, running_service

REVOCATIONS, REVOCATIONS_WITHOUT_REDIS, EACH_OTHER_ACTION, WORKERS = 1000, 200, 10, 4
BACKGROUND_PER_SECOND = 150
P99_LIMIT, LIMIT = 0.050, 1.0
SETTINGS = LIMITS_ON | {"SIGNET_SESSION_LIMIT": "2000"}

Action = Callable[[Service, Person, SignedIn, str], Awaitable[httpx.Response]]


@dataclass
class Lags:
    """Seconds from the answer to the last accepted request, by action."""

    by_action: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def all(self) -> list[float]:
        return sorted(lag for lags in self.by_action.values() for lag in lags)

    @property
    def p99(self) -> float:
        return self.all[int(len(self.all) * 0.99)]


async def end_one(service: Service, _: Person, session: SignedIn, __: str) -> httpx.Response:
    return await service.delete("/v1/sessions/current", token=session.access_token)


async def end_all(service: Service, _: Person, session: SignedIn, __: str) -> httpx.Response:
    return await service.delete("/v1/sessions", token=session.access_token)


async def change_password(service: Service, person: Person, session: SignedIn, _: str) -> httpx.Response:
    body = {"current_password": person.password, "new_password": person.password + "!"}
    return await service.put("/v1/account/password", token=session.access_token, json=body)


async def suspend(service: Service, person: Person, _: SignedIn, admin: str) -> httpx.Response:
    return await service.post(f"/v1/users/{person.id}/suspend", token=admin, json={})


async def change_roles(service: Service, person: Person, _: SignedIn, admin: str) -> httpx.Response:
    return await service.put(f"/v1/users/{person.id}/roles", token=admin, json={"roles": ["support"]})


async def close(service: Service, person: Person, _: SignedIn, admin: str) -> httpx.Response:
    return await service.delete(f"/v1/users/{person.id}", token=admin)


OTHER_ACTIONS: dict[str, Action] = {
    "log out everywhere": end_all,
    "change the password": change_password,
    "suspend": suspend,
    "change roles": change_roles,
    "close": close,
}


async def lag(replicas: tuple[Service, Service], person: Person, admin: str, action: Action) -> float:
    """Revoke on one replica and ask the other until it refuses."""
    first, second = replicas
    session = await person.sign_in(service=first)
    assert await second.accepts(session.access_token)
    answer = await action(first, person, session, admin)
    assert answer.is_success, answer.text
    revoked_at = last_accepted_at = monotonic()
    while monotonic() - revoked_at < 5 * LIMIT:
        if await second.refuses(session.access_token):
            return last_accepted_at - revoked_at
        last_accepted_at = monotonic()
    return 5 * LIMIT


async def measure(stores: Addresses, folder: Path, revocations: int) -> Lags:
    """Measure every action while both replicas serve an open-loop load."""
    async with (
        running_service(stores, folder / "first.log", SETTINGS, start=cold) as first,
        running_service(stores, folder / "second.log", SETTINGS, start=cold) as second,
    ):
        admin = await _admin(first, stores)
        reader = await (await new_person(first, "reader@example.com")).sign_in()
        background = asyncio.ensure_future(_load(second, reader.access_token))
        lags = Lags()
        try:
            each = revocations // WORKERS
            await asyncio.gather(*(_end_sessions((first, second), who, each, lags) for who in range(WORKERS)))
            for name, action in OTHER_ACTIONS.items():
                for number in range(EACH_OTHER_ACTION):
                    person = await new_person(first, f"{name.replace(' ', '-')}-{number}@example.com")
                    lags.by_action[name].append(await lag((first, second), person, admin, action))
        finally:
            background.cancel()
            with suppress(asyncio.CancelledError):
                await background
    return lags


async def _end_sessions(replicas: tuple[Service, Service], who: int, count: int, lags: Lags) -> None:
    person = await new_person(replicas[0], f"person-{who}@example.com")
    for _ in range(count):
        lags.by_action["log out"].append(await lag(replicas, person, "", end_one))


async def _load(service: Service, token: str) -> None:
    """Ask at fixed instants, whether or not the former answers are there."""
    pending: set[asyncio.Future[httpx.Response]] = set()
    async with asyncio.TaskGroup() as group:
        next_at = monotonic()
        while True:
            task = group.create_task(service.get("/v1/users/me", token=token))
            pending.add(task)
            task.add_done_callback(pending.discard)
            next_at += 1 / BACKGROUND_PER_SECOND
            await asyncio.sleep(max(0, next_at - monotonic()))


async def _admin(service: Service, stores: Addresses) -> str:
    person = Person(service, "admin@example.com", "the admin's own password")
    arguments = ("users", "create", person.email, "--role", "admin", "--password-file", "-", "--if-absent")
    await asyncio.to_thread(stores.command, *arguments, given=person.password)
    return (await person.sign_in()).access_token


def report(title: str, lags: Lags) -> None:
    """Print the lags of one run."""
    print(f"\n{title}: {len(lags.all)} revocations, p99 {lags.p99 * 1000:.1f} ms\n")
    print(f"{'':22}{'n':>6}{'median':>11}{'longest':>11}")
    for name, found in lags.by_action.items():
        print(f"{name:22}{len(found):>6}{median(found) * 1000:>8.1f} ms{max(found) * 1000:>8.1f} ms")


def main() -> int:
    with bench_stores() as (stores, folder):
        stores.migrate()
        with_redis = asyncio.run(measure(stores, folder, REVOCATIONS))
        report("With Redis", with_redis)
        stores.migrate()
        asyncio.run(_empty(stores))
        without = asyncio.run(
            measure(replace(stores, redis_url="redis://127.0.0.1:9/0"), folder, REVOCATIONS_WITHOUT_REDIS)
        )
        report("Without Redis", without)
    is_kept = with_redis.p99 < P99_LIMIT and max(with_redis.all) < LIMIT and max(without.all) < LIMIT
    print("\nThe promise is kept." if is_kept else "\nThe promise is BROKEN.")
    return int(not is_kept)


async def _empty(stores: Addresses) -> None:
    import asyncpg  # noqa: PLC0415 - only this step looks past the service

    connection = await asyncpg.connect(stores.database_url)
    await connection.execute("TRUNCATE users, user_roles, user_terms, sessions, changes, audit_events")
    await connection.close()


if __name__ == "__main__":
    sys.exit(main())
