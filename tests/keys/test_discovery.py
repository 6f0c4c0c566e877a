"""/.well-known: the keys and the metadata, for libraries that are told nothing but where we are."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from tests.kit.environment import Addresses
from tests.kit.mint import decoded
from tests.kit.people import Person, problem
from tests.kit.services import Service, running_service
from tests.kit.unready import waiting_service

ISSUER = "https://id.example.test"
METADATA = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]
JWKS = "/.well-known/jwks.json"
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

Start = Callable[..., Awaitable[Service]]


async def metadata(service: Service) -> dict[str, Any]:
    document: dict[str, Any] = (await service.get(METADATA[0])).json()
    return document


async def test_both_documents_are_the_same(service: Service) -> None:
    first, second = [await service.get(path) for path in METADATA]

    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]


async def test_the_metadata_has_what_the_rfc_requires_and_is_valid(service: Service) -> None:
    document = await metadata(service)

    assert document["issuer"] == ISSUER
    assert document["response_types_supported"] == []
    assert document["token_endpoint"] == f"{ISSUER}/oauth/token"
    # Response types are required, and there are none; Authlib takes an empty list for a missing one.
    AuthorizationServerMetadata({**document, "response_types_supported": ["none"]}).validate()


async def test_the_metadata_says_nothing_that_is_not_so(service: Service, ada: Person) -> None:
    document = await metadata(service)

    assert document.keys() == {
        "issuer", "jwks_uri", "token_endpoint", "grant_types_supported", "response_types_supported",
        "token_endpoint_auth_methods_supported", "scopes_supported", "service_documentation",
    }  # fmt: skip
    assert document["grant_types_supported"] == ["refresh_token"]
    assert document["scopes_supported"] == ["users:read", "users:write"]
    for member in ("jwks_uri", "service_documentation"):
        assert (await service.get(document[member].removeprefix(ISSUER))).status_code == 200, member
    grant = {"grant_type": "refresh_token", "refresh_token": (await ada.sign_in()).refresh_token}
    refreshed = await service.post(document["token_endpoint"].removeprefix(ISSUER), data=grant)
    assert refreshed.status_code == 200


async def test_no_address_in_the_metadata_comes_from_the_request(service: Service) -> None:
    given = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example;proto=http"}

    for path in METADATA:
        assert "evil" not in (await service.get(path, headers=given)).text


async def test_a_path_in_the_public_address_is_part_of_every_address(start_service: Start) -> None:
    behind = await start_service(
        SIGNET_PUBLIC_URL="https://example.test/identity/", SIGNET_ROLE_SCOPES='{"b": ["z", "a"], "c": ["a"]}'
    )

    document = await metadata(behind)

    assert document["issuer"] == "https://example.test/identity"
    assert document["jwks_uri"] == "https://example.test/identity/.well-known/jwks.json"
    assert document["scopes_supported"] == ["a", "z"]


async def test_without_scopes_there_is_no_list_of_them(start_service: Start) -> None:
    """A list without elements is left out (RFC 8414, 3.2)."""
    assert "scopes_supported" not in await metadata(await start_service(SIGNET_ROLE_SCOPES="{}"))


@pytest.mark.parametrize("path", [*METADATA, JWKS])
async def test_a_copy_may_be_kept_and_asked_about(service: Service, path: str) -> None:
    answer = await service.get(path)
    etag = answer.headers["etag"]

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=300"
    for current in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        copy = await service.get(path, headers={"If-None-Match": current})
        assert (copy.status_code, copy.content) == (304, b"")
        assert copy.headers["etag"] == etag
        assert copy.headers["cache-control"] == "public, max-age=300"
        assert "content-type" not in copy.headers
    assert (await service.get(path, headers={"If-None-Match": '"other"'})).status_code == 200


@pytest.mark.parametrize("path", [*METADATA, JWKS])
async def test_every_replica_says_the_same_bytes(replicas: tuple[Service, Service], path: str) -> None:
    first, second = [await replica.get(path) for replica in replicas]

    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]


async def test_keys_show_their_public_halves_alone(service: Service) -> None:
    keys = (await service.get(JWKS)).json()["keys"]

    assert keys
    for key in keys:
        expected = {"EC": {"crv", "x", "y"}, "RSA": {"n", "e"}}[key["kty"]]
        assert key.keys() == {"kty", "use", "alg", "kid", *expected}
        assert not PRIVATE & key.keys()
        assert key["use"] == "sig"
    assert len({key["kid"] for key in keys}) == len(keys)


async def test_coordinates_are_as_long_as_the_curve_wants(service: Service) -> None:
    """RFC 7518, 6.2.1.2: leading zeros stay, or strict libraries refuse one key in 128."""
    keys = (await service.get(JWKS)).json()["keys"]

    for key in keys:
        if key["kty"] == "EC":
            assert {len(decoded(key["x"])), len(decoded(key["y"]))} == {32}


async def test_an_rsa_key_is_published_as_one(fresh_stores: Addresses, tmp_path: Path) -> None:
    async with running_service(fresh_stores, tmp_path / "log", {"SIGNET_TOKEN_ALGORITHM": "RS256"}) as service:
        (key,) = (await service.get(JWKS)).json()["keys"]

    assert key.keys() == {"kty", "n", "e", "use", "alg", "kid"}
    assert (key["kty"], key["alg"], key["e"]) == ("RSA", "RS256", "AQAB")
    assert len(decoded(key["n"])) * 8 >= 2048


async def test_without_keys_there_is_no_empty_set_to_keep(bare_stores: Addresses, tmp_path: Path) -> None:
    """An empty JWKS kept for five minutes would refuse every token in every resource server."""
    async with waiting_service(bare_stores, tmp_path / "log") as service:
        answer = await service.get(JWKS)

        assert problem(answer) == (503, "store_unavailable")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["retry-after"] == "1"
        assert (await service.get(METADATA[0])).status_code == 200


async def test_before_start_no_token_is_called_invalid(bare_stores: Addresses, ada: Person, tmp_path: Path) -> None:
    """401 only when it is certain: obedient clients sign their users out on it."""
    token = (await ada.sign_in()).access_token

    async with waiting_service(bare_stores, tmp_path / "log") as service:
        assert problem(await service.get("/v1/verify", token=token)) == (503, "store_unavailable")
        assert problem(await service.get("/v1/verify")) == (401, "token_missing")
