"""A run begins when the replicas it measures are ready, all of them and no others."""

import asyncio
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtests import asking
from loadtests.asking import place_of
from loadtests.replicas import behind, reached, steady
from local.refusals import CannotStart
from tests.kit.environment import Addresses
from tests.kit.services import Service
from tests.kit.unready import NOBODY_LISTENS, waiting_service
from tests.loadtests.strangers import certified, serving

SOON = 0.6
READY = b"# TYPE signet_ready gauge\nsignet_ready 1.0\n"
NAME = "signet-pods.example.test"

Resolving = Callable[..., None]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolving:
    """Let the machine resolve a name to addresses of its own, as a cluster's DNS does."""
    really = socket.getaddrinfo

    def as_told(*addresses: str) -> None:
        def look_up(host: str, port: int, *more: int, **named: int) -> list[object]:
            asked = addresses if host == NAME else (host,)
            return [found for each in asked for found in really(each, port, *more, **named)]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return as_told


async def test_ready_replicas_are_found_at_once(replicas: tuple[Service, Service]) -> None:
    names = [each.management_url for each in replicas]

    assert await found(*names) == names


async def test_one_that_is_not_ready_is_waited_for(
    replicas: tuple[Service, Service], stores: Addresses, tmp_path: Path
) -> None:
    away = {"SIGNET_DATABASE_URL": f"postgresql://nobody@{NOBODY_LISTENS}/signet"}
    async with waiting_service(stores, tmp_path / "log", away) as unready:
        names = [replicas[0].management_url, unready.management_url]

        with pytest.raises(CannotStart, match="for all replicas to be ready"):
            await asyncio.to_thread(steady, names, within=SOON)


async def test_one_more_than_there_should_be_is_waited_for_to_go(replicas: tuple[Service, Service]) -> None:
    names = [each.management_url for each in replicas]

    with pytest.raises(CannotStart, match="for just 1 replicas"):
        await asyncio.to_thread(steady, names, 1, within=SOON)


async def test_a_name_that_nobody_is_behind_is_waited_for() -> None:
    with pytest.raises(CannotStart, match=r"nobody\.invalid"):
        await asyncio.to_thread(steady, ["http://nobody.invalid:9000"], within=SOON)


async def test_one_that_is_named_twice_is_one(replicas: tuple[Service, Service]) -> None:
    name = replicas[0].management_url

    assert await found(name, f"{name}/", f"{name}/metrics") == [name]


async def test_what_is_waited_for_is_said_once() -> None:
    said: list[str] = []

    with pytest.raises(CannotStart, match="Connection refused"):
        await asyncio.to_thread(steady, [f"http://{NOBODY_LISTENS}"], within=0.1, say=said.append)

    assert said == [f"Waiting: http://{NOBODY_LISTENS} does not answer: Connection refused"]


def test_a_machine_with_addresses_of_both_families_is_one(resolve: Resolving) -> None:
    """It is the family in which it listens; where that is in neither yet, it is one all the same."""
    resolve("127.0.0.1", "::1")
    with serving(READY) as stranger:
        there, nowhere = (behind(place_of("METRICS", f"http://{NAME}:{port}")) for port in (stranger.port, 1))

    assert [place.machine for place in there] == ["127.0.0.1"]
    assert [place.machine for place in nowhere] == ["::1"]


def test_each_machine_behind_a_name_is_a_replica(resolve: Resolving) -> None:
    resolve("127.0.0.2", "127.0.0.1")

    assert [str(place) for place in behind(place_of("METRICS", f"http://{NAME}:9000"))] == [
        f"http://{NAME}:9000 (127.0.0.1)",
        f"http://{NAME}:9000 (127.0.0.2)",
    ]


def test_a_certificate_has_to_be_for_the_name_though_an_address_is_called(
    resolve: Resolving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve("127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    asking._tls.cache_clear()
    with serving(READY, certified(NAME, tmp_path / "trusted.pem")) as stranger:
        (place,) = steady([f"https://{NAME}:{stranger.port}"], within=SOON)
        with pytest.raises(CannotStart, match=r"certificate of https://127\.0\.0\.1.* is not to be trusted"):
            steady([f"https://127.0.0.1:{stranger.port}"])
    asking._tls.cache_clear()

    assert place.machine == "127.0.0.1"
    assert stranger.asked_for == [f"{NAME}:{stranger.port}"]


def test_a_host_that_stands_for_the_replicas_stands_for_each_of_them(resolve: Resolving, service: Service) -> None:
    """As a headless Service does. Behind any other name may be a proxy, which wants to be asked for the name."""
    port = service.port
    resolve("127.0.0.1", "127.0.0.2")
    host = f"http://{NAME}:{port}/"
    replicas = behind(place_of("METRICS", f"http://{NAME}:9000"))

    assert reached(host, replicas) == [f"http://127.0.0.1:{port}", f"http://127.0.0.2:{port}"]
    assert reached(host, replicas[:1]) == [f"http://{NAME}:{port}"]


def test_a_host_that_nobody_answers_at_is_named() -> None:
    with pytest.raises(CannotStart, match=re.escape(f"HOST: http://{NOBODY_LISTENS} does not answer: Connection")):
        reached(f"http://{NOBODY_LISTENS}", (), within=0.0)


async def found(*names: str) -> list[str]:
    places = await asyncio.to_thread(steady, names, within=SOON)
    return [str(place) for place in places]
