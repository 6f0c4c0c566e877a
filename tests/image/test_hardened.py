"""The image runs with a read-only root, without capabilities and as nobody."""

from collections.abc import Iterator
from time import monotonic

import httpx
import pytest

from tests.image.containers import Container, Image, production
from tests.kit.environment import Addresses
from tests.kit.services import free_ports
from tests.kit.waiting import until

START_SECONDS = 30.0
PROMISED_SECONDS = 2.0


@pytest.fixture
def ports() -> tuple[int, int]:
    """A port for the API and one for probes."""
    public, management = free_ports(2)
    return public, management


@pytest.fixture
def settings(stores: Addresses, ports: tuple[int, int]) -> dict[str, str]:
    """Settings of a service in production on these ports, which drains for no longer than a test likes to wait."""
    return production(stores, SIGNET_PORT=str(ports[0]), SIGNET_MANAGEMENT_PORT=str(ports[1]), SIGNET_DRAIN="500ms")


@pytest.fixture
def container(image: Image, settings: dict[str, str], ports: tuple[int, int]) -> Iterator[Container]:
    """One that serves."""
    with image.running(settings) as running:
        seconds_until_ready(running, ports)
        yield running


def seconds_until_ready(running: Container, ports: tuple[int, int]) -> float:
    begun = monotonic()

    def is_ready() -> bool:
        assert running.is_running(), running.log()
        return answers(f"http://127.0.0.1:{ports[1]}/readyz")

    until(is_ready, begun + START_SECONDS)
    return monotonic() - begun


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1).status_code == 200
    except httpx.TransportError:
        return False


def test_it_serves(
    image: Image, container: Container, settings: dict[str, str], ports: tuple[int, int], stores: Addresses
) -> None:
    email, password = "first@example.com", "correct horse battery staple"
    stores.command(
        "users",
        "create",
        email,
        "--password-file",
        "-",
        given=password,
        SIGNET_SECRET_KEYS=settings["SIGNET_SECRET_KEYS"],
    )

    answer = httpx.post(f"http://127.0.0.1:{ports[0]}/v1/sessions", json={"email": email, "password": password})

    assert answer.status_code == 201, answer.text + container.log()
    listed = image.attempt("users", "list", environment=settings)
    assert (listed.returncode, email in listed.stdout) == (0, True), listed.stderr


def test_it_is_ready_within_two_seconds(image: Image, settings: dict[str, str], ports: tuple[int, int]) -> None:
    """With its stores up; the best of three counts, for the machine may have other things to do."""
    taken = []
    for _ in range(3):
        with image.running(settings) as running:
            taken.append(seconds_until_ready(running, ports))

    print("ready after " + ", ".join(f"{seconds:.1f} s" for seconds in taken))
    assert min(taken) <= PROMISED_SECONDS


def test_it_may_do_nothing_else(container: Container) -> None:
    status = dict(
        line.split(":\t", 1) for line in container.inside("cat", "/proc/1/status").splitlines() if ":\t" in line
    )

    assert {status[kind].strip() for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"].strip(), status["Seccomp"].strip()) == ("1", "2")
    assert status["Uid"].split() == ["10001"] * 4
    assert container.inside("cat", "/proc/mounts").split(" / ")[1].split()[1].startswith("ro")


def test_gunicorn_is_the_first_process_and_a_stop_ends_it_in_order(container: Container) -> None:
    assert "service" in container.inside("cat", "/proc/1/cmdline").split("\0")

    assert container.stop() == 0
    assert "draining" in container.log()


def test_without_settings_it_says_what_it_needs(image: Image) -> None:
    refused = image.attempt(environment={})

    assert (refused.returncode, refused.stdout) == (2, "")
    for name in ("SIGNET_PUBLIC_URL", "SIGNET_DATABASE_URL", "SIGNET_REDIS_URL", "SIGNET_SECRET_KEYS"):
        assert f"signet: {name} is not set\n" in refused.stderr


def test_it_is_in_production_until_told_otherwise(image: Image, settings: dict[str, str]) -> None:
    refused = image.attempt("check", environment={**settings, "SIGNET_SECRET_KEYS": "weak"})

    assert refused.returncode == 2
    assert "SIGNET_SECRET_KEYS: each secret needs at least 32 random characters" in refused.stderr
