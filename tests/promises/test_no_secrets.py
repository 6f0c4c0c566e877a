"""No log line, span or metric tells a secret, a token, a hash or an address, whatever is asked and whatever fails."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from local.faults import FaultProxy
from tests.kit.canaries import EMAIL, HASH, KEY, NAME, NEW_PASSWORD, OTHER_EMAIL, PASSWORD, SEEN, Driver
from tests.kit.environment import SECRET, Addresses
from tests.kit.otlp import Collector, collecting
from tests.kit.people import problem
from tests.kit.services import Service, running_service
from tests.kit.waiting import eventually

LOUD = {
    "SIGNET_LOG_LEVEL": "debug",
    "OTEL_TRACES_SAMPLER_ARG": "1",
    "OTEL_BSP_SCHEDULE_DELAY": "200",
    # Every statement is a slow one, and is told.
    "SIGNET_SLOW_QUERY": "0",
}
ROOT = f"{SEEN}.root@nest.example"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as receiver:
        yield receiver


def settings(collector: Collector, **more: str) -> dict[str, str]:
    return {**LOUD, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **more}


async def driver_of(service: Service) -> Driver:
    return Driver(service, (await service.get("/openapi.json")).json())


def told_secrets(text: str, *more: str) -> set[str]:
    """Find what must not be told; the marked word stands in all that the tests made up."""
    kept = {SECRET, HASH, PASSWORD, NEW_PASSWORD, EMAIL, NAME, KEY, SEEN, SEEN.capitalize(), "$argon2", "eyJ", *more}
    return {secret for secret in kept if secret in text}


async def succeed_everywhere(drive: Driver, root_token: str) -> None:
    """Use each operation as it is meant to be used."""
    new = {"email": EMAIL, "password": PASSWORD, "display_name": NAME}
    ada = (await drive.send("POST", "/v1/users", json=new, headers={"Idempotency-Key": KEY})).json()
    imported = {"email": OTHER_EMAIL, "password_hash": HASH, "roles": ["support"], "email_verified": True}
    eve = (await drive.send("POST", "/v1/users", json=imported, token=root_token)).json()
    signing = {"email": EMAIL, "password": PASSWORD, "device": f"{SEEN} phone"}
    pair = (await drive.send("POST", "/v1/sessions", json=signing)).json()
    other = (await drive.send("POST", "/v1/sessions", json=signing)).json()
    pair = (await drive.send("POST", "/v1/sessions/refresh", json={"refresh_token": pair["refresh_token"]})).json()
    grant = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    token = (await drive.send("POST", "/oauth/token", data=grant)).json()["access_token"]
    await use_own(drive, token, other["session"]["id"])
    await use_as_admin(drive, root_token, ada["id"], eve["id"])
    for path in ("jwks.json", "oauth-authorization-server", "openid-configuration"):
        await drive.send("GET", f"/.well-known/{path}")


async def use_own(drive: Driver, token: str, other_session: str) -> None:
    me = await drive.send("GET", "/v1/users/me", token=token)
    await drive.send("GET", "/v1/users/me", token=token, headers={"If-None-Match": me.headers["etag"]})
    match = {"If-Match": me.headers["etag"]}
    await drive.send("PATCH", "/v1/users/me", token=token, json={"display_name": NAME + "!"}, headers=match)
    await drive.send("GET", "/v1/verify", token=token)
    await drive.send("GET", "/v1/sessions", token=token)
    await drive.send("DELETE", f"/v1/sessions/{other_session}", token=token)
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    pair = (await drive.send("PUT", "/v1/account/password", token=token, json=change)).json()
    await drive.send("DELETE", "/v1/sessions/current", token=pair["access_token"])
    signing = {"email": EMAIL, "password": NEW_PASSWORD}
    token = (await drive.send("POST", "/v1/sessions", json=signing)).json()["access_token"]
    await drive.send("DELETE", "/v1/sessions", token=token)


async def use_as_admin(drive: Driver, token: str, ada: str, eve: str) -> None:
    await drive.send("GET", f"/v1/users?search={SEEN}", token=token)
    await drive.send("GET", f"/v1/users?email={EMAIL}&role=support&status=active", token=token)
    user = await drive.send("GET", f"/v1/users/{ada}", token=token)
    edit = {"display_name": NAME, "email_verified": True}
    await drive.send("PATCH", f"/v1/users/{ada}", token=token, json=edit, headers={"If-Match": user.headers["etag"]})
    await drive.send("PUT", f"/v1/users/{ada}/roles", token=token, json={"roles": ["support"]})
    await drive.send("GET", f"/v1/users/{ada}/sessions", token=token)
    await drive.send("DELETE", f"/v1/users/{ada}/sessions", token=token)
    await drive.send("POST", f"/v1/users/{ada}/suspend", token=token, json={"reason": f"{SEEN} reason"})
    await drive.send("POST", f"/v1/users/{ada}/reinstate", token=token)
    await drive.send("DELETE", f"/v1/users/{eve}", token=token)
    signing = {"email": EMAIL, "password": NEW_PASSWORD}
    own = (await drive.send("POST", "/v1/sessions", json=signing)).json()["access_token"]
    await drive.send("DELETE", "/v1/users/me", token=own)


async def test_every_operation_right_and_wrong_tells_nothing(
    stores: Addresses, tmp_path: Path, collector: Collector
) -> None:
    stores.command("users", "create", ROOT, "--role", "admin", "--password-file", "-", given=PASSWORD)
    async with running_service(stores, tmp_path / "log", settings(collector)) as service:
        drive = await driver_of(service)
        root = {"email": ROOT, "password": PASSWORD}
        root_token = (await drive.send("POST", "/v1/sessions", json=root)).json()["access_token"]

        await succeed_everywhere(drive, root_token)
        await drive.fail_everywhere([None, f"eyJ.{SEEN}.token", root_token])
        await service.get(f"/{SEEN}?{SEEN}={SEEN}", headers={"Authorization": f"Basic {SEEN}"})

        assert drive.uncovered() == {}
        metrics = await service.metrics()
    log = (tmp_path / "log").read_text(encoding="utf-8")

    # Everything was told, each in one line of JSON: what was asked, what it cost, and each slow statement.
    assert all(isinstance(json.loads(line), dict) for line in log.splitlines())
    assert log.count('"message":"request"') > 200
    assert '"message":"slow statement"' in log
    assert {"POST /v1/sessions", "password.verify", "users.credentials_by_email", "PUBLISH"} <= collector.names()
    database_password = urlsplit(stores.database_url).password or SECRET
    for text in (log, collector.text(), metrics):
        assert told_secrets(text, database_password, *drive.secrets) == set()
    assert len(drive.secrets) > 10


async def test_nothing_is_told_while_redis_is_away(stores: Addresses, tmp_path: Path, collector: Collector) -> None:
    dead = {"SIGNET_REDIS_URL": f"redis://:{SEEN}-redis-password@127.0.0.1:1/0"}
    stores.command("users", "create", ROOT, "--role", "admin", "--password-file", "-", given=PASSWORD)
    async with running_service(stores, tmp_path / "log", settings(collector, **dead)) as service:
        drive = await driver_of(service)
        root = {"email": ROOT, "password": PASSWORD}
        root_token = (await drive.send("POST", "/v1/sessions", json=root)).json()["access_token"]

        await succeed_everywhere(drive, root_token)

        metrics = await service.metrics()
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert "PUBLISH" in collector.names()
    for text in (log, collector.text(), metrics):
        assert told_secrets(text, *drive.secrets) == set()


async def test_an_unexpected_error_tells_its_kind_and_place_and_nothing_it_was_about(
    fresh_stores: Addresses, fresh_database: asyncpg.Connection, tmp_path: Path, collector: Collector
) -> None:
    """Postgres writes the whole failing row into its message: address, hash and name."""
    async with running_service(fresh_stores, tmp_path / "log", settings(collector)) as service:
        await fresh_database.execute("ALTER TABLE users ADD CONSTRAINT unforeseen CHECK (display_name IS NULL)")
        body = {"email": EMAIL, "password": PASSWORD, "display_name": NAME}

        refused = await service.post("/v1/users", json=body, headers={"Idempotency-Key": KEY})
        await fresh_database.execute("ALTER TABLE sessions RENAME TO sessions_gone")
        created = await service.post("/v1/users", json={"email": EMAIL, "password": PASSWORD})
        lost = await service.post("/v1/sessions", json={"email": EMAIL, "password": PASSWORD})

        metrics = await service.metrics()
    assert (problem(refused), created.status_code, problem(lost)) == (
        (500, "internal_error"),
        201,
        (500, "internal_error"),
    )
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert log.count('"message":"unexpected error"') == 2
    assert '"error_type":"IntegrityError"' in log
    for text in (log, collector.text(), metrics, refused.text, lost.text):
        assert told_secrets(text, "unforeseen", "sessions_gone") == set()


async def test_nothing_is_told_while_postgres_is_away(stores: Addresses, tmp_path: Path, collector: Collector) -> None:
    proxy = FaultProxy(stores.database_url)
    await proxy.open()
    own = settings(collector, SIGNET_DATABASE_URL=proxy.through)
    async with running_service(stores, tmp_path / "log", own) as service:
        new = await service.post("/v1/users", json={"email": EMAIL, "password": PASSWORD, "display_name": NAME})
        assert new.status_code == 201
        proxy.cut()
        await service.post("/v1/sessions", json={"email": EMAIL, "password": PASSWORD})
        await proxy.refuse()

        answers = [
            await service.post("/v1/sessions", json={"email": EMAIL, "password": PASSWORD}),
            await service.post("/v1/users", json={"email": OTHER_EMAIL, "password": PASSWORD}),
            await service.post("/v1/sessions/refresh", json={"refresh_token": f"{SEEN}.token"}),
        ]

        async def is_noticed() -> bool:
            return "changes can't be read" in service.log.read_text(encoding="utf-8")

        await eventually(is_noticed, within=10)
        metrics = await service.metrics()
    await proxy.close()
    assert [answer.status_code for answer in answers] == [503, 503, 401]
    log = (tmp_path / "log").read_text(encoding="utf-8")
    database_password = urlsplit(stores.database_url).password or SECRET
    for text in (log, collector.text(), metrics, *(answer.text for answer in answers)):
        assert told_secrets(text, database_password) == set()
