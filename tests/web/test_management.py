"""Two ports: the API on one, probes and metrics on the other, and neither on both."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.environment import Addresses
from tests.kit.people import Person, problem
from tests.kit.services import Service, StartService, running_service
from tests.kit.unready import waiting_service
from tests.kit.waiting import eventually

API = [
    *("/v1/users/me", "/v1/verify", "/v1/sessions", "/oauth/token"),
    *("/.well-known/jwks.json", "/openapi.json", "/docs"),
]
PROBES = ["/startupz", "/readyz", "/livez"]


async def managed(service: Service, path: str) -> httpx.Response:
    return await service._client.get(f"{service.management_url}{path}")


async def checks(service: Service, path: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await managed(service, path)).json()["checks"]
    return answer


@pytest.mark.parametrize("path", PROBES)
async def test_each_probe_says_in_json_what_it_looked_at(service: Service, path: str) -> None:
    answer = await managed(service, path)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["status"] == "ok"
    assert body["checks"]
    assert all(check["ok"] is True for check in body["checks"].values())
    assert all(check["duration_ms"] >= 0 and check["age_seconds"] >= 0 for check in body["checks"].values())


async def test_each_probe_looks_at_its_own_things(service: Service) -> None:
    assert (await checks(service, "/startupz")).keys() == {"postgres", "keys", "changes", "redis", "started"}
    assert (await checks(service, "/readyz")).keys() == {"started", "not_draining", "loop"}
    assert (await checks(service, "/livez")).keys() == {"loop"}


@pytest.mark.parametrize("path", [*PROBES, "/metrics"])
async def test_the_public_port_has_neither_probes_nor_metrics(service: Service, path: str) -> None:
    assert problem(await service.get(path)) == (404, "not_found")


@pytest.mark.parametrize("path", API)
async def test_the_management_port_has_no_api(service: Service, ada: Person, path: str) -> None:
    token = (await ada.sign_in()).access_token
    assert await service.accepts(token)

    for method in ("GET", "POST"):
        answer = await service._client.request(
            method, f"{service.management_url}{path}", headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 404
        assert "x-signet-user" not in answer.headers


async def test_metrics_are_in_the_text_that_prometheus_reads(service: Service, ada: Person) -> None:
    await ada.sign_in()

    answer = await managed(service, "/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'http_requests_total{handler="/v1/sessions",method="POST",status="201"}' in answer.text
    assert "signet_sign_ins_total" in answer.text


async def test_redis_is_reported_and_never_required(start_service: StartService) -> None:
    without = await start_service(SIGNET_REDIS_URL="redis://127.0.0.1:1")

    answer = await managed(without, "/startupz")

    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    redis = answer.json()["checks"]["redis"]
    assert (redis["ok"], redis["reason"]) == (False, "RedisGone")
    assert (await managed(without, "/readyz")).status_code == 200


async def test_a_replica_that_cannot_start_lives_is_not_ready_and_says_why(
    bare_stores: Addresses, tmp_path: Path
) -> None:
    async with waiting_service(bare_stores, tmp_path / "log") as service:
        startup, ready, alive = [await managed(service, path) for path in PROBES]

        assert (startup.status_code, ready.status_code, alive.status_code) == (503, 503, 200)
        assert startup.json()["status"] == "unavailable"
        assert startup.json()["checks"]["postgres"]["ok"] is False
        assert ready.json()["checks"]["started"]["ok"] is False
        assert "run `python -m service migrate`" in service.log.read_text()


async def test_a_replica_becomes_ready_when_the_schema_comes(bare_stores: Addresses, tmp_path: Path) -> None:
    async with waiting_service(bare_stores, tmp_path / "log") as service:
        assert (await managed(service, "/readyz")).status_code == 503
        bare_stores.migrate()

        async def is_ready() -> bool:
            return (await managed(service, "/readyz")).status_code == 200

        await eventually(is_ready, within=10)
        assert (await managed(service, "/startupz")).status_code == 200


async def test_a_blocked_loop_fails_the_liveness_probe_until_it_turns_again(stores: Addresses, tmp_path: Path) -> None:
    """The probe asks as the kubelet does, with a time-out; one of the chart's 5 seconds is enough to see it."""
    async with running_service(stores, tmp_path / "log", module="tests.telemetry.blocking") as service:
        assert (await managed(service, "/livez")).status_code == 200
        blocked = asyncio.ensure_future(service.get("/block?2.5"))
        async with httpx.AsyncClient(base_url=service.management_url, timeout=1) as kubelet:

            async def is_failing() -> bool:
                try:
                    return (await kubelet.get("/livez")).status_code != 200
                except httpx.TimeoutException:
                    return True

            await eventually(is_failing, within=5)
        assert (await blocked).status_code == 404

        async def is_alive() -> bool:
            return (await managed(service, "/livez")).status_code == 200

        await eventually(is_alive, within=5)
