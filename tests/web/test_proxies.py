"""Whose address it is: the one header, read from right to left past the proxies that are trusted."""

import pytest

from service.web.edge import Proxies
from tests.kit.people import PASSWORD, Person, new_person
from tests.kit.services import Service

CASES = [
    ([], "127.0.0.1"),
    (["203.0.113.7"], "203.0.113.7"),
    (["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
    (["203.0.113.7, 10.1.2.3"], "203.0.113.7"),
    (["198.51.100.1, 203.0.113.7, 10.1.2.3, 10.9.9.9"], "203.0.113.7"),
    (["10.1.2.3, 10.9.9.9"], "10.1.2.3"),
    (["203.0.113.7, garbage"], "127.0.0.1"),
    (["203.0.113.7, garbage, 10.1.2.3"], "10.1.2.3"),
    (["203.0.113.7,"], "127.0.0.1"),
    (["203.0.113.7:4711"], "127.0.0.1"),
    (["198.51.100.1 ,  203.0.113.7"], "203.0.113.7"),
    (["2001:db8::7, fd00::1"], "2001:db8::7"),
    # Some proxies add a line of their own instead of writing behind the last word (RFC 9110, 5.3).
    (["203.0.113.7", "10.1.2.3"], "203.0.113.7"),
    (["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
    # A client of a server that listens on both families; the trusted network is written as IPv4.
    (["203.0.113.7, ::ffff:10.1.2.3"], "203.0.113.7"),
    (["::ffff:203.0.113.7"], "203.0.113.7"),
]


async def address_of(service: Service, person: Person, lines: list[str], name: str = "X-Forwarded-For") -> str:
    """Sign in with these header lines; gives the address that the session then shows."""
    headers = [("Content-Type", "application/json"), *((name, line) for line in lines)]
    body = f'{{"email": "{person.email}", "password": "{PASSWORD}"}}'
    answer = await service._client.post("/v1/sessions", content=body, headers=headers)
    assert answer.status_code == 201, answer.text
    listed = await service.get("/v1/sessions?limit=1", token=answer.json()["access_token"])
    return str(listed.json()["items"][0]["address"])


async def test_the_address_of_a_session_is_read_past_trusted_proxies(guarded: Service) -> None:
    ada = await new_person(guarded, "ada@example.com")

    for lines, expected in CASES:
        assert (lines, await address_of(guarded, ada, lines)) == (lines, expected)


async def test_another_header_is_not_believed(guarded: Service) -> None:
    ada = await new_person(guarded, "ada@example.com")

    for name in ("X-Real-Ip", "Forwarded", "X-Client-Ip", "True-Client-Ip", "CF-Connecting-IP"):
        assert await address_of(guarded, ada, ["203.0.113.7"], name) == "127.0.0.1"


async def test_without_the_setting_no_header_is_believed(service: Service, ada: Person) -> None:
    assert await address_of(service, ada, ["203.0.113.7"]) == "127.0.0.1"


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("10.0.0.1", "203.0.113.7"),
        ("::ffff:10.0.0.1", "203.0.113.7"),
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("", ""),
    ],
)
def test_only_a_trusted_peer_may_say_who_stands_before_it(peer: str, expected: str) -> None:
    proxies = Proxies.of("X-Forwarded-For", ["10.0.0.0/8"])
    scope = {"client": (peer, 1) if peer else None, "headers": [(b"x-forwarded-for", b"203.0.113.7")]}

    assert proxies.client_address(scope, dict(scope["headers"])) == expected  # type: ignore[arg-type]


def test_an_address_of_both_families_is_one_address_also_without_proxies() -> None:
    proxies = Proxies.of("", [])

    assert proxies.client_address({"client": ("::ffff:203.0.113.7", 1), "headers": []}, {}) == "203.0.113.7"
