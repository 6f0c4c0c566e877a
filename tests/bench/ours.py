"""Signet as a subject: one replica with limits, metrics, log line and tracing at 1 %, and another without caches."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import asyncpg
import httpx

from tests.bench.measuring import SERVER_CORES, Subject, as_shipped, get, pinned_worker, post
from tests.kit.admins import new_admin
from tests.kit.environment import Addresses
from tests.kit.people import PASSWORD, new_person
from tests.kit.services import Service

PEOPLE, CHAINS, STRANGERS = 64, 32, 2000
TRACED = "0.01"
ME, VERIFY = "Signet, `GET /v1/users/me`, warm", "Signet, `/v1/verify`, warm"
WARM_PROFILE, COLD_PROFILE, COLD = "warm.prof", "cold.prof", "cold"
REFRESH, SIGN_IN = "Signet, `POST /v1/sessions/refresh`", "Signet, `POST /v1/sessions`"
_strangers = count()


@asynccontextmanager
async def signet(
    stores: Addresses, folder: Path, collector_url: str, module: str = "service"
) -> AsyncIterator[dict[str, Subject]]:
    """Run the service, its caches warm for some people; gives what is asked of it by a short name.

    `module` may be a build that looks at itself.
    """
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector_url,
        "OTEL_TRACES_SAMPLER_ARG": TRACED,
        # Each refresh rotates, each sign-in finds room, and as many hashes run at once as the server has cores.
        "SIGNET_REFRESH_GRACE": "0",
        "SIGNET_SESSION_LIMIT": "1000000",
        "SIGNET_HASH_THREADS": str(len(SERVER_CORES)),
        "SIGNET_HASH_WAIT": "30s",
        "BENCH_PROFILE": str(folder / WARM_PROFILE),
    }
    uncached = {"SIGNET_NEAR_ENTRIES": "0", "SIGNET_CACHE_TTL": "0", "BENCH_PROFILE": str(folder / COLD_PROFILE)}
    async with (
        as_shipped(stores, folder / "bench.log", settings, module) as service,
        as_shipped(stores, folder / "uncached.log", settings | uncached, module) as forgetful,
    ):
        emails, bearers = await _people(service)
        admin = await _admin(service, stores)
        me = [get("/v1/users/me", Authorization=bearer) for bearer in bearers]
        verify = [get("/v1/verify", Authorization=bearer) for bearer in bearers]
        yield {
            "me": subject(service, ME, me),
            "verify": subject(service, VERIFY, verify),
            COLD: subject(forgetful, "Signet, `GET /v1/users/me`, cold: one statement", me),
            "refresh": Refreshes(service, emails).subject(),
            "list": subject(service, "Signet, `GET /v1/users`, a page", [get("/v1/users", Authorization=admin)]),
            "login": subject(service, SIGN_IN, [_sign_in(email) for email in emails]),
            "register": registering(service),
        }


def subject(service: Service, name: str, requests: list[str]) -> Subject:
    return Subject(name, pinned_worker(service), service.port, requests)


def registering(service: Service) -> Subject:
    """Register strangers, each once."""
    made = subject(service, "Signet, `POST /v1/users`", [])
    made.kind = "once"
    made.renew = lambda: [
        post("/v1/users", {"email": f"stranger{next(_strangers)}@example.com", "password": PASSWORD})
        for _ in range(STRANGERS)
    ]
    return made


class Refreshes:
    """Chains of refreshes: each round begins with new sessions, and goes on with the token it was given last."""

    def __init__(self, service: Service, emails: list[str]) -> None:
        self._service, self._emails = service, emails[:CHAINS]

    def subject(self) -> Subject:
        made = subject(self._service, REFRESH, [])
        made.kind, made.connections, made.renew = "follow", CHAINS, self._begin
        return made

    def _begin(self) -> list[str]:
        with httpx.Client(base_url=self._service.url) as client:
            return [post("/v1/sessions/refresh", {"refresh_token": self._token(client, e)}) for e in self._emails]

    def _token(self, client: httpx.Client, email: str) -> str:
        pair = client.post("/v1/sessions", json={"email": email, "password": PASSWORD})
        return str(json.loads(pair.text)["refresh_token"])


async def _admin(service: Service, stores: Addresses) -> str:
    database = await asyncpg.connect(stores.database_url)
    person = await new_admin(service, database, "bench-admin@example.com")
    await database.close()
    return f"Bearer {(await person.sign_in()).access_token}"


def _sign_in(email: str) -> str:
    return post("/v1/sessions", {"email": email, "password": PASSWORD})


async def _people(service: Service) -> tuple[list[str], list[str]]:
    """Make people who have asked for what will be asked for; gives their addresses and headers."""
    emails, bearers = [], []
    for number in range(PEOPLE):
        person = await new_person(service, f"person{number}@example.com")
        token = (await person.sign_in()).access_token
        for path in ("/v1/users/me", "/v1/verify"):
            assert (await service.get(path, token=token)).status_code == 200
        emails.append(person.email)
        bearers.append(f"Bearer {token}")
    return emails, bearers
