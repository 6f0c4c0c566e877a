"""What is an email address, when two of them are the same, and that what was typed is kept."""

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.users import emails
from service.users.emails import NotAnEmail, email_key
from tests.kit.accounts import refused_fields
from tests.kit.people import PASSWORD, Person, problem
from tests.kit.services import Service

ZERO_WIDTH = {
    "soft hyphen": "\u00ad",
    "grapheme joiner": "\u034f",
    "Hangul filler": "\u3164",
    "zero width space": "\u200b",
    "zero width non-joiner": "\u200c",
    "zero width joiner": "\u200d",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "variation selector": "\ufe0f",
    "tag letter": "\U000e0061",
}
BIDI = {"override": "\u202e", "isolate": "\u2066", "mark": "\u200f", "Arabic mark": "\u061c"}
CONTROL = {"NUL": "\0", "escape": "\x1b", "new line": "\n", "delete": "\x7f", "C1": "\x85", "line separator": "\u2028"}
SPACE = {"space": " ", "no-break space": "\u00a0", "ideographic space": "\u3000"}
INVISIBLE = {**ZERO_WIDTH, **BIDI, **CONTROL, **SPACE}

SAME = {
    "upper case": ("ada@example.com", "ADA@Example.COM"),
    "another composition": ("caf\u00e9@example.com", "cafe\u0301@example.com"),
    "an international domain": ("ada@b\u00fccher.example", "ada@xn--bcher-kva.example"),
    "another composition of the domain": ("ada@b\u00fccher.example", "ada@bu\u0308cher.example"),
    "upper case of an international domain": ("ada@b\u00fccher.example", "ada@B\u00dcCHER.example"),
    "full-width letters and dots in the domain": ("ada@example.com", "ada@\uff45xample\u3002com"),
}
DIFFERENT = {
    "a tag": ("ada@example.com", "ada+news@example.com"),
    "dots": ("adalovelace@example.com", "ada.lovelace@example.com"),
    "another domain": ("ada@example.com", "ada@mail.example.com"),
    "letters beyond ASCII in upper case": ("\u00e9va@example.com", "\u00c9va@example.com"),
    "sharp s in the domain": ("ada@stra\u00dfe.example", "ada@strasse.example"),
    "full-width letters in the local part": ("ada@example.com", "\uff41da@example.com"),
    "another script": ("ada@example.com", "\u0430da@example.com"),
}
WRONG = {
    "nothing": "",
    "no @": "ada.example.com",
    "no local part": "@example.com",
    "no domain": "ada@",
    "two @": "ada@home@example.com",
    "a domain without a dot": "ada@localhost",
    "a dot at the end": "ada@example.com.",
    "a dot at the end of the local part": "ada.@example.com",
    "a dot at the beginning": ".ada@example.com",
    "two dots": "ada..lovelace@example.com",
    "two dots in the domain": "ada@example..com",
    "quotes": '"ada"@example.com',
    "a quoted space": '"ada lovelace"@example.com',
    "a comment": "ada(home)@example.com",
    "a name": "Ada <ada@example.com>",
    "a list": "ada@example.com,eve@example.com",
    "a backslash": "ada\\@example.com",
    "an address literal": "ada@[127.0.0.1]",
    "an IP address": "ada@127.0.0.1",
    "an underscore in the domain": "ada@exa_mple.com",
    "a hyphen at the beginning of the domain": "ada@-example.com",
    "broken punycode": "ada@xn--a.com",
    "a label of 64": f"ada@{'a' * 64}.com",
    "a local part of 65": f"{'a' * 65}@example.com",
    "a local part of 66 bytes": f"{'é' * 33}@example.com",
    "255 characters": "a@" + "b" * 63 + "." + "c" * 63 + "." + "d" * 63 + "." + "e" * 57 + ".com",
}
RIGHT = {
    "signs": "a!#$%&'*+-/=?^_`{|}~z@example.com",
    "digits": "007@1and1.example",
    "a local part of 64": f"{'a' * 64}@example.com",
    "a local part of 64 bytes": f"{'é' * 32}@example.com",
    "a label of 63": f"ada@{'a' * 63}.com",
    "254 characters": "a@" + "b" * 63 + "." + "c" * 63 + "." + "d" * 63 + "." + "e" * 56 + ".com",
    "another script": "\u7528\u6237@\u4f8b\u5b50.\u5e7f\u544a",
    "a script of marks": "\u0939\u093f\u0928\u094d\u0926\u0940@example.com",
    "capitals": "Ada.Lovelace@Example.COM",
}


@pytest.mark.parametrize("case", SAME)
async def test_these_are_one_address(service: Service, case: str) -> None:
    first, second = SAME[case]
    created = await register(service, first)
    again = await register(service, second)

    assert created == 201
    assert again == 409
    assert (await Person(service, second).sign_in()).access_token


@pytest.mark.parametrize("case", DIFFERENT)
async def test_these_are_two_addresses(service: Service, case: str) -> None:
    assert [await register(service, email) for email in DIFFERENT[case]] == [201, 201]


@pytest.mark.parametrize("case", RIGHT)
async def test_what_was_typed_is_kept(service: Service, case: str) -> None:
    answer = await service.post("/v1/users", json={"email": RIGHT[case], "password": PASSWORD})

    assert answer.status_code == 201, answer.text
    assert answer.json()["email"] == RIGHT[case]


async def test_the_composition_that_was_typed_is_kept(service: Service) -> None:
    decomposed = "cafe\u0301@example.com"
    answer = await service.post("/v1/users", json={"email": decomposed, "password": PASSWORD})

    assert answer.json()["email"] == decomposed


@pytest.mark.parametrize("case", WRONG)
async def test_this_is_no_address(service: Service, case: str) -> None:
    answer = await service.post("/v1/users", json={"email": WRONG[case], "password": PASSWORD})

    assert problem(answer) == (422, "request_invalid")
    assert refused_fields(answer) == {"/email"}


@pytest.mark.parametrize("case", INVISIBLE)
async def test_what_nobody_sees_is_refused_wherever_it_hides(service: Service, case: str) -> None:
    for template in ("a{}da@example.com", "ada@exa{}mple.com", "ada@example.com{}", "{}ada@example.com"):
        email = template.format(INVISIBLE[case])
        answer = await service.post("/v1/users", json={"email": email, "password": PASSWORD})

        assert problem(answer) == (422, "request_invalid"), template
        assert refused_fields(answer) == {"/email"}


async def register(service: Service, email: str) -> int:
    return (await service.post("/v1/users", json={"email": email, "password": PASSWORD})).status_code


# Mostly addresses, and what is nearly one: whatever a short way might take for plain.
atoms = st.text("aZ09!#$%&'*+-/=?^_`{|}~. \x7f\u00e9", max_size=66)
labels = st.text("aZ09-_.\u00e9", max_size=65) | st.sampled_from(["xn--bcher-kva", "ab--c", "a-", "-a", "1", "com"])


@given(local=atoms, domain=st.lists(labels, max_size=6).map(".".join))
@example(local="ada", domain="example.com\n")
@example(local="ada", domain="example.c\u0130")
@example(local="ada", domain="1.2.3.4")
@example(local="a" * 64, domain="b" * 63 + ".example")
@example(local="a" * 64, domain=".".join(["b" * 63] * 3))
def test_the_short_way_for_plain_addresses_comes_to_what_the_long_one_does(local: str, domain: str) -> None:
    assert key_or_none(email_key, f"{local}@{domain}") == key_or_none(emails._international_key, f"{local}@{domain}")


def key_or_none(make: Callable[[str], str], email: str) -> str | None:
    try:
        return make(email)
    except NotAnEmail:
        return None
