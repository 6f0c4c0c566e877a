"""SIGTERM: not ready at once, serving a while longer, saying that connections end, and then an orderly end."""

import asyncio
import signal
from time import monotonic

import httpx
import pytest

from tests.kit.metrics import read_metrics
from tests.kit.people import Person, new_person
from tests.kit.services import Service, StartService
from tests.kit.waiting import eventually

DRAIN_SECONDS = 3.0


@pytest.fixture
async def leaving(start_service: StartService) -> Service:
    """A replica that goes on serving for a while after SIGTERM."""
    return await start_service(SIGNET_DRAIN=f"{DRAIN_SECONDS}s", SIGNET_SHUTDOWN_TIMEOUT="5s")


async def readiness(service: Service) -> httpx.Response:
    return await service._client.get(f"{service.management_url}/readyz")


async def is_unready(service: Service) -> bool:
    return (await readiness(service)).status_code == 503


async def test_a_replica_that_is_told_to_go_serves_until_balancers_have_looked_elsewhere(
    leaving: Service, ada: Person
) -> None:
    token = (await ada.sign_in(service=leaving)).access_token
    before = await leaving.get("/v1/verify", token=token)
    assert "connection" not in before.headers
    leaving.process.send_signal(signal.SIGTERM)
    told_at = monotonic()

    await eventually(is_unready, leaving, within=DRAIN_SECONDS / 2)

    assert (await readiness(leaving)).json()["checks"]["not_draining"]["ok"] is False
    alive = await leaving._client.get(f"{leaving.management_url}/livez")
    assert alive.status_code == 200
    # Warm, cold, and a refusal.
    for path, given in (("/v1/verify", token), ("/v1/sessions", token), ("/v1/users/me", None)):
        answer = await leaving.get(path, token=given)
        assert answer.status_code == (200 if given else 401)
        assert answer.headers.get_list("connection") == ["close"]
    assert (await ada.sign_in(service=leaving)).session_id

    code = await asyncio.to_thread(leaving.process.wait, DRAIN_SECONDS + 15)
    assert code == 0
    assert monotonic() - told_at >= DRAIN_SECONDS - 0.1


async def test_what_is_under_way_at_the_end_is_finished(start_service: StartService) -> None:
    """Signing in takes long enough to be caught in the middle: one thread hashes for all, slowly."""
    slowly = {"SIGNET_HASH_THREADS": "1", "SIGNET_HASH_WAIT": "30s"}
    slowly |= {"SIGNET_ARGON2_ITERATIONS": "10", "SIGNET_ARGON2_MEMORY_KIB": "12288"}
    leaving = await start_service(SIGNET_DRAIN="0", **slowly)
    ada = await new_person(leaving, "ada@example.com")
    under_way = [asyncio.ensure_future(ada.sign_in(service=leaving)) for _ in range(12)]

    async def has_begun() -> bool:
        signed_in = {"method": "POST", "handler": "/v1/sessions", "status": "201"}
        return (await read_metrics(leaving)).value("http_requests_total", **signed_in) >= 1

    await eventually(has_begun, within=20)
    leaving.process.send_signal(signal.SIGTERM)

    pairs = await asyncio.gather(*under_way)

    assert len({pair.session_id for pair in pairs}) == 12
    assert await asyncio.to_thread(leaving.process.wait, 15) == 0


async def test_the_end_is_told_in_the_log(leaving: Service) -> None:
    leaving.process.send_signal(signal.SIGTERM)

    assert await asyncio.to_thread(leaving.process.wait, DRAIN_SECONDS + 15) == 0
    log = leaving.log.read_text(encoding="utf-8")
    assert '"message":"draining"' in log
    assert "Traceback" not in log
    with pytest.raises(httpx.TransportError):
        await leaving.get("/v1/verify")


async def test_a_master_that_is_interrupted_does_not_wait_for_balancers(start_service: StartService) -> None:
    """Nobody routes to a process on somebody's terminal, or to one that starts again for an edit."""
    leaving = await start_service(SIGNET_DRAIN="60s")
    assert (await leaving.get("/v1/verify")).status_code == 401

    leaving.process.send_signal(signal.SIGINT)

    assert await asyncio.to_thread(leaving.process.wait, 10) == 0
    assert "draining" not in leaving.log.read_text(encoding="utf-8")
