"""Conditional requests for what others keep: the keys and the metadata."""

import pytest

from tests.kit.services import Service

PATHS = [
    "/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
]


@pytest.mark.parametrize("path", PATHS)
async def test_a_copy_that_is_current_is_not_sent_again(replicas: tuple[Service, Service], path: str) -> None:
    read = await replicas[0].get(path)
    etag = read.headers["etag"]

    answers = [
        await replica.get(path, headers={"If-None-Match": sent})
        for replica in replicas
        for sent in (etag, f"W/{etag}", f'"other", {etag}', "*")
    ]

    assert read.status_code == 200
    assert read.headers["cache-control"] == "public, max-age=300"
    for answer in answers:
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
        assert answer.headers["cache-control"] == read.headers["cache-control"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_copy_that_is_not_current_is_replaced(service: Service, path: str) -> None:
    read = await service.get(path)

    answer = await service.get(path, headers={"If-None-Match": '"0123456789abcdef"'})

    assert (answer.status_code, answer.content) == (200, read.content)
