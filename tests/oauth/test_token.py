"""POST /oauth/token: the refresh grant as RFC 6749 has it, for libraries that know nothing of us."""

import asyncio
import warnings
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from authlib.integrations.base_client.errors import OAuthError

from tests.kit.claims import lineage, read_claims
from tests.kit.people import Person, SignedIn
from tests.kit.services import Service

with warnings.catch_warnings():
    # It would rather have a successor of httpx that nobody has yet.
    warnings.simplefilter("ignore")
    from authlib.integrations.httpx_client import AsyncOAuth2Client

FORM = "application/x-www-form-urlencoded"
Pairs = Sequence[tuple[str, str]]


async def ask(service: Service, *pairs: tuple[str, str]) -> httpx.Response:
    """Send a form as it stands, also with a name given twice."""
    body = str(httpx.QueryParams(list(pairs)))
    return await service.post("/oauth/token", content=body, headers={"Content-Type": FORM})


def refresh_grant(signed_in: SignedIn) -> Pairs:
    return [("grant_type", "refresh_token"), ("refresh_token", signed_in.refresh_token)]


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    """Return status, RFC 6749's error and our code, having looked that both readers find what they look for."""
    assert answer.headers["content-type"] == "application/json", answer.text
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["type"] == f"/problems/{body['code']}"
    assert all(character >= " " and character not in '"\\' for character in body["error_description"])
    return answer.status_code, body["error"], body["code"]


async def test_a_refresh_token_is_exchanged_for_the_shape_of_the_rfc(service: Service, ada: Person) -> None:
    signed_in = await ada.sign_in()

    answer = await ask(service, *refresh_grant(signed_in))

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    body = answer.json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 600)
    assert read_claims(body["access_token"])["sid"] == signed_in.session_id
    assert await service.accepts(body["access_token"])


async def test_it_is_the_same_rotation_as_that_of_the_other_route(service: Service, ada: Person) -> None:
    first = await ada.sign_in()

    second = (await ask(service, *refresh_grant(first))).json()["refresh_token"]
    repeated = await service.post("/v1/sessions/refresh", json={"refresh_token": first.refresh_token})

    session, generation = lineage(first.refresh_token)
    assert lineage(second) == (session, generation + 1)
    assert lineage(repeated.json()["refresh_token"]) == lineage(second)


async def test_the_client_may_say_who_it_is_and_may_ask_for_what_nobody_knows(service: Service, ada: Person) -> None:
    """Unrecognised parameters are ignored, and empty ones are as if they were not there (RFC 6749, 3.2)."""
    grant = refresh_grant(await ada.sign_in())

    assert (await ask(service, *grant, ("client_id", "signet"))).status_code == 200
    assert (await ask(service, *grant, ("colour", "blue"), ("state", ""))).status_code == 200
    assert (await ask(service, *grant, ("client_id", ""))).status_code == 200


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], (400, "invalid_request", "oauth_request_invalid")),
        ([("refresh_token", "x")], (400, "invalid_request", "oauth_request_invalid")),
        ([("grant_type", "refresh_token")], (400, "invalid_request", "oauth_request_invalid")),
        ([("grant_type", "refresh_token"), ("refresh_token", "")], (400, "invalid_request", "oauth_request_invalid")),
        ([("grant_type", ""), ("refresh_token", "x")], (400, "invalid_request", "oauth_request_invalid")),
        ([("grant_type", "password")], (400, "unsupported_grant_type", "oauth_grant_unsupported")),
        ([("grant_type", "authorization_code")], (400, "unsupported_grant_type", "oauth_grant_unsupported")),
        ([("grant_type", "REFRESH_TOKEN")], (400, "unsupported_grant_type", "oauth_grant_unsupported")),
        ([("grant_type", "x" * 5000)], (400, "unsupported_grant_type", "oauth_grant_unsupported")),
        ([("grant_type", "refresh_token"), ("refresh_token", "x")], (400, "invalid_grant", "oauth_grant_invalid")),
        ([("grant_type", "refresh_token"), ("refresh_token", "é\0")], (400, "invalid_grant", "oauth_grant_invalid")),
        (
            [("grant_type", "refresh_token"), ("refresh_token", "x" * 5000)],
            (400, "invalid_grant", "oauth_grant_invalid"),
        ),
        (
            [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", "other")],
            (400, "invalid_client", "oauth_client_invalid"),
        ),
        (
            [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", "x" * 5000)],
            (400, "invalid_client", "oauth_client_invalid"),
        ),
    ],
)
async def test_what_is_wrong_is_said_in_the_words_of_the_rfc(
    service: Service, pairs: Pairs, expected: tuple[int, str, str]
) -> None:
    assert refusal(await ask(service, *pairs)) == expected


@pytest.mark.parametrize("name", ["grant_type", "refresh_token", "client_id", "colour"])
async def test_a_parameter_given_twice_is_refused_and_spends_nothing(service: Service, ada: Person, name: str) -> None:
    grant = {**dict(refresh_grant(await ada.sign_in())), "client_id": "signet", "colour": "blue"}

    twice = await ask(service, *grant.items(), (name, grant[name]))

    assert refusal(twice) == (400, "invalid_request", "oauth_request_invalid")
    assert lineage((await ask(service, *grant.items())).json()["refresh_token"])[1] == 1


async def test_a_grant_that_has_ended_is_invalid(service: Service, ada: Person) -> None:
    signed_in = await ada.sign_in()
    assert (await service.delete("/v1/sessions/current", token=signed_in.access_token)).status_code == 204

    assert refusal(await ask(service, *refresh_grant(signed_in))) == (400, "invalid_grant", "oauth_grant_invalid")


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x", f"{FORM}; charset=utf-16", ""]
)
async def test_a_body_that_is_no_form_is_refused(service: Service, ada: Person, content_type: str) -> None:
    signed_in = await ada.sign_in()
    body = dict(refresh_grant(signed_in))

    answer = await service.call(
        "POST", "/oauth/token", content=httpx.Request("POST", "http://x", json=body).content,
        headers={"Content-Type": content_type} if content_type else {},
    )  # fmt: skip

    assert answer.status_code == 415
    assert answer.json()["code"] == "media_type_unsupported"
    assert (await ask(service, *body.items())).status_code == 200


async def test_a_charset_of_utf_8_is_the_same_form(service: Service, ada: Person) -> None:
    body = str(httpx.QueryParams(list(refresh_grant(await ada.sign_in()))))

    answer = await service.post("/oauth/token", content=body, headers={"Content-Type": f"{FORM};charset=UTF-8"})

    assert answer.status_code == 200


async def test_parameters_in_the_address_are_not_read(service: Service, ada: Person) -> None:
    """Secrets in an address end up in logs (RFC 6749, 2.3.1)."""
    grant = dict(refresh_grant(await ada.sign_in()))

    answer = await service.post("/oauth/token", params=grant, content="", headers={"Content-Type": FORM})

    assert refusal(answer) == (400, "invalid_request", "oauth_request_invalid")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_other_methods_are_refused(service: Service, method: str) -> None:
    answer = await service.call(method, "/oauth/token")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


async def test_too_many_parameters_are_a_refusal_and_no_accident(service: Service) -> None:
    answer = await ask(service, *((f"name{number}", "x") for number in range(3000)))

    assert answer.status_code == 400


async def test_a_library_that_knows_only_the_rfc_refreshes(service: Service, ada: Person) -> None:
    signed_in = await ada.sign_in()
    client = library(service, signed_in.refresh_token)

    token: dict[str, Any] = await client.refresh_token(f"{service.url}/oauth/token")

    assert token["token_type"] == "Bearer"
    assert await service.accepts(token["access_token"])
    profile = await client.get(f"{service.url}/v1/users/me")
    assert profile.json()["id"] == ada.id
    await client.aclose()


async def test_a_library_understands_that_it_must_sign_in_again(service: Service, ada: Person) -> None:
    signed_in = await ada.sign_in()
    await service.delete("/v1/sessions", token=signed_in.access_token)
    client = library(service, signed_in.refresh_token)

    with pytest.raises(OAuthError) as refused:
        await client.refresh_token(f"{service.url}/oauth/token")

    assert refused.value.error == "invalid_grant"
    await client.aclose()


async def test_many_tabs_of_one_client_refresh_at_once_and_agree(service: Service, ada: Person) -> None:
    grant = refresh_grant(await ada.sign_in())

    answers = await asyncio.gather(*(ask(service, *grant) for _ in range(8)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({lineage(answer.json()["refresh_token"]) for answer in answers}) == 1


def library(service: Service, refresh_token: str) -> AsyncOAuth2Client:
    token = {"access_token": "expired", "refresh_token": refresh_token, "token_type": "Bearer", "expires_at": 1}
    return AsyncOAuth2Client(
        client_id="signet",
        token=token,
        token_endpoint=f"{service.url}/oauth/token",
        token_endpoint_auth_method="none",
    )
