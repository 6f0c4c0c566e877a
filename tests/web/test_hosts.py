"""Host names: those that are listed are answered to, if any are listed."""

import pytest

from tests.kit.metrics import read_metrics
from tests.kit.people import new_person, problem
from tests.kit.services import Service

OTHERS = [
    *("evil.example", "id.example.test.evil.example", "evil.example:80", "xid.example.test"),
    *("", "id.example.test:80:1"),
]


@pytest.mark.parametrize("host", ["id.example.test", "ID.example.TEST", "id.example.test:8443", "127.0.0.1"])
async def test_a_listed_host_is_answered_to(guarded: Service, host: str) -> None:
    assert (await guarded.get("/.well-known/jwks.json", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("host", OTHERS)
async def test_another_host_is_refused(guarded: Service, host: str) -> None:
    answer = await guarded.get("/.well-known/jwks.json", headers={"Host": host})

    assert problem(answer) == (421, "host_unknown")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_another_host_is_refused_also_when_all_is_warm(guarded: Service) -> None:
    token = (await (await new_person(guarded, "ada@example.com")).sign_in()).access_token
    for path in ("/v1/users/me", "/v1/verify"):
        assert (await guarded.get(path, token=token)).status_code == 200
        assert (await guarded.get(path, token=token)).status_code == 200

        refused = await guarded.get(path, token=token, headers={"Host": "evil.example"})

        assert problem(refused) == (421, "host_unknown")


async def test_what_is_refused_is_counted_all_the_same(guarded: Service) -> None:
    before = await read_metrics(guarded)

    await guarded.get("/v1/verify", headers={"Host": "evil.example"})

    after = await read_metrics(guarded)
    place = {"method": "GET", "handler": "none"}
    for name, labels in (("requests_total", {"status": "421"}), ("request_duration_seconds_count", {})):
        counted = [reading.value(f"http_{name}", **place, **labels) for reading in (before, after)]
        assert counted[1] - counted[0] == 1, name


async def test_probes_are_asked_by_address(guarded: Service) -> None:
    answer = await guarded._client.get(f"{guarded.management_url}/readyz", headers={"Host": "10.1.2.3:9000"})

    assert answer.status_code == 200


async def test_without_a_list_any_host_is_answered_to(service: Service) -> None:
    assert (await service.get("/.well-known/jwks.json", headers={"Host": "whatever.example"})).status_code == 200
