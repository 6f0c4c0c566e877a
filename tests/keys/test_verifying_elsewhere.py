"""Resource servers that verify offline, with three unrelated JOSE libraries, before, during and after a rotation."""

import asyncio
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from tests.kit.claims import read_claims
from tests.kit.environment import Addresses
from tests.kit.mint import header_of, mint_of
from tests.kit.people import Person, new_person
from tests.kit.services import Service, running_service
from tests.kit.signing_keys import age_keys, key_rows, published, until_published, until_signing
from tests.kit.verifiers import Refused, Verifier, verifiers_of
from tests.kit.waiting import eventually

LEAD = timedelta(hours=24)
# A key goes when its last token has: life, leeway, and a minute for clocks.
LAST_TOKENS = timedelta(minutes=10, seconds=5) + timedelta(minutes=1, seconds=1)


async def verify_everywhere(verifiers: list[Verifier], *tokens: str) -> None:
    """See that every library accepts every token and reads the same from it."""
    for token in tokens:
        for verifier in verifiers:
            assert await asyncio.to_thread(verifier.claims, token) == read_claims(token), verifier.name


async def refuse_everywhere(verifiers: list[Verifier], token: str) -> None:
    for verifier in verifiers:
        with pytest.raises(Refused):
            await asyncio.to_thread(verifier.claims, token)


async def elsewhere(service: Service) -> list[Verifier]:
    return await asyncio.to_thread(verifiers_of, service.url)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
async def test_no_live_token_fails_in_any_library_while_keys_come_and_go(
    fresh_stores: Addresses, fresh_database: asyncpg.Connection, tmp_path: Path, algorithm: str
) -> None:
    settings = {"SIGNET_TOKEN_ALGORITHM": algorithm}
    async with running_service(fresh_stores, tmp_path / "log", settings) as service:
        ada = await new_person(service, "ada@example.com")

        # Before: one key.
        first_token = (await ada.sign_in()).access_token
        first = header_of(first_token)
        assert first["alg"] == algorithm
        assert await published(service) == {first["kid"]}
        verifiers = await elsewhere(service)
        await verify_everywhere(verifiers, first_token)

        # A successor is published. It does not sign yet, and whoever asks now has it already when it does.
        fresh_stores.command("keys", "rotate", **settings)
        second = str((await key_rows(fresh_database))[-1]["kid"])
        await until_published(service, first["kid"], second)
        during = (await ada.sign_in()).access_token
        assert header_of(during)["kid"] == first["kid"]
        verifiers = await elsewhere(service)
        await verify_everywhere(verifiers, first_token, during)

        # The lead is over: the successor signs, and no verifier has to ask again.
        await age_keys(fresh_database, LEAD)
        await until_signing(ada, second)
        second_token = (await ada.sign_in()).access_token
        await verify_everywhere(verifiers, first_token, during, second_token)
        assert {verifier.fetches for verifier in verifiers} == {1}
        assert await service.accepts(first_token)
        assert await service.accepts(second_token)

        # In a hurry: the third key signs at once. Verifiers meet a `kid` they don't know and ask once.
        fresh_stores.command("keys", "rotate", "--now", **settings)
        third = str((await key_rows(fresh_database))[-1]["kid"])
        await until_signing(ada, third)
        third_token = (await ada.sign_in()).access_token
        await verify_everywhere(verifiers, first_token, second_token, third_token)
        assert await service.accepts(first_token)

        # The last tokens of the former keys are over: the keys go, here and elsewhere.
        await age_keys(fresh_database, LAST_TOKENS)
        await until_published(service, third)
        verifiers = await elsewhere(service)
        await verify_everywhere(verifiers, third_token, (await ada.sign_in()).access_token)
        for gone in (first_token, second_token):
            await refuse_everywhere(verifiers, gone)
            assert await service.refuses(gone)
        assert await service.accepts(third_token)


async def test_a_change_of_algorithm_is_a_rotation_and_never_a_confusion(
    fresh_stores: Addresses, fresh_database: asyncpg.Connection, tmp_path: Path
) -> None:
    async with running_service(fresh_stores, tmp_path / "log") as service:
        ada = await new_person(service, "ada@example.com")
        elliptic_token = (await ada.sign_in()).access_token

        fresh_stores.command("keys", "rotate", "--now", SIGNET_TOKEN_ALGORITHM="RS256")
        await until_signing(ada, str((await key_rows(fresh_database))[-1]["kid"]))
        rsa_token = (await ada.sign_in()).access_token

        assert (header_of(elliptic_token)["alg"], header_of(rsa_token)["alg"]) == ("ES256", "RS256")
        await verify_everywhere(await elsewhere(service), elliptic_token, rsa_token)
        await confuse_algorithms(service, fresh_database, ada, elliptic_token, rsa_token)


async def confuse_algorithms(
    service: Service, database: asyncpg.Connection, ada: Person, elliptic_token: str, rsa_token: str
) -> None:
    """Give each key the algorithm or the name of the other; then neither, which is right."""
    elliptic, rsa = await mint_of(database, elliptic_token), await mint_of(database, rsa_token)
    claims = read_claims((await ada.sign_in()).access_token)
    for mine, other in ((elliptic, rsa), (rsa, elliptic)):
        assert await service.refuses(mine.sign(claims, kid=other.key_id))
        assert await service.refuses(mine.sign(claims, alg=other.algorithm))
        assert await service.refuses(mine.sign(claims, alg=other.algorithm, kid=other.key_id))
        assert await service.refuses(mine.sign(claims, alg="PS256"))
        assert await service.accepts(mine.sign(claims))


async def test_no_replica_refuses_a_live_token_while_a_key_is_replaced_at_once(
    replicas: tuple[Service, Service], stores: Addresses, ada: Person
) -> None:
    """Sign in here and ask there, without a pause, until the new key has signed on both."""
    former = header_of((await ada.sign_in()).access_token)["kid"]
    signed_anew: set[str] = set()
    refused: list[str] = []

    async def both_have_signed_anew() -> bool:
        for here, there in (replicas, replicas[::-1]):
            token = (await ada.sign_in(service=here)).access_token
            if await there.refuses(token):
                refused.append(token)
            if header_of(token)["kid"] != former:
                signed_anew.add(here.url)
        return len(signed_anew) == len(replicas)

    rotating = asyncio.ensure_future(asyncio.to_thread(stores.command, "keys", "rotate", "--now"))
    await eventually(both_have_signed_anew, within=60)
    await rotating

    assert refused == []
