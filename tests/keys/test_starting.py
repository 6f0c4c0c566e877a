"""The first key, and starting with secrets that don't open it."""

import asyncio
from pathlib import Path

import asyncpg

from tests.kit.environment import SECRET, Addresses
from tests.kit.metrics import total
from tests.kit.mint import header_of
from tests.kit.people import Person, SignedIn, new_person, problem
from tests.kit.refreshing import refresh, refreshed
from tests.kit.services import free_ports, running_service
from tests.kit.signing_keys import key_rows, published, until_published
from tests.kit.waiting import eventually

OTHER_SECRET = "an0ther-S3cret-For-Tests-With-Plenty-Of-Symbols"


async def test_processes_that_start_at_once_on_nothing_make_one_key(
    fresh_stores: Addresses, fresh_database: asyncpg.Connection, tmp_path: Path
) -> None:
    async with (
        running_service(fresh_stores, tmp_path / "first.log", {"SIGNET_WORKERS": "2"}) as first,
        running_service(fresh_stores, tmp_path / "second.log") as second,
    ):
        (only,) = await key_rows(fresh_database)
        ada = await new_person(first, "ada@example.com")
        here, there = await ada.sign_in(service=first), await ada.sign_in(service=second)

        assert header_of(here.access_token)["kid"] == header_of(there.access_token)["kid"] == only["kid"]
        assert await published(first) == await published(second) == {only["kid"]}
        assert await first.accepts(there.access_token)
        assert await second.accepts(here.access_token)


async def test_a_key_that_cannot_be_decrypted_refuses_start_and_is_never_made_anew(
    fresh_stores: Addresses, fresh_database: asyncpg.Connection, tmp_path: Path
) -> None:
    fresh_stores.command("keys", "rotate")
    before = await key_rows(fresh_database)
    port, management_port = free_ports(2)
    ports = {"SIGNET_PORT": str(port), "SIGNET_MANAGEMENT_PORT": str(management_port)}

    refused = await asyncio.to_thread(fresh_stores.attempt, "serve", SIGNET_SECRET_KEYS=OTHER_SECRET, **ports)

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr == (
        f"Error: signing key {before[0]['kid']} can't be decrypted with any of SIGNET_SECRET_KEYS; "
        "add the secret that sealed it\n"
    )
    assert await key_rows(fresh_database) == before
    checked = fresh_stores.attempt("check", SIGNET_SECRET_KEYS=OTHER_SECRET)
    assert checked.returncode == 1
    assert f"signing keys: signing key {before[0]['kid']} can't be decrypted" in checked.stdout
    async with running_service(fresh_stores, tmp_path / "log") as service:
        assert await published(service) == {before[0]["kid"]}


async def test_a_change_of_keys_that_could_not_be_followed_is_followed_after_the_repair(
    fresh_stores: Addresses, fresh_database: asyncpg.Connection, tmp_path: Path
) -> None:
    fresh_stores.command("keys", "rotate")
    fresh_stores.command("keys", "rotate")
    first, successor = [row["kid"] for row in await key_rows(fresh_database)]
    async with running_service(fresh_stores, tmp_path / "log") as service:
        assert await published(service) == {first, successor}
        async with fresh_database.transaction():
            await fresh_database.execute("DELETE FROM signing_keys WHERE kid = $1", successor)
            await fresh_database.execute("INSERT INTO changes (kind) VALUES ('keys')")
            await fresh_database.execute("ALTER TABLE signing_keys RENAME TO signing_keys_away")

        async def has_failed() -> bool:
            return '"duty":"reload keys"' in service.log.read_text()

        await eventually(has_failed, within=5)
        assert await published(service) == {first, successor}

        await fresh_database.execute("ALTER TABLE signing_keys_away RENAME TO signing_keys")

        await until_published(service, first)


async def test_a_secret_is_rotated_in_two_rollouts_that_nobody_notices(fresh_stores: Addresses, tmp_path: Path) -> None:
    """Append it, move it to the front, seal the keys anew, drop the old one; replicas of both kinds run at once."""
    rollouts = [SECRET, f"{SECRET},{OTHER_SECRET}", f"{OTHER_SECRET},{SECRET}"]
    settings = [{"SIGNET_SECRET_KEYS": secrets} for secrets in rollouts]
    async with (
        running_service(fresh_stores, tmp_path / "0.log", settings[0]) as before,
        running_service(fresh_stores, tmp_path / "1.log", settings[1]) as appended,
    ):
        ada = await new_person(before, "ada@example.com")
        idle, old = await ada.sign_in("idle"), await ada.sign_in("old")
        # The first rollout: both kinds run, and each takes what the other gave.
        old = await refreshed(before, (await refreshed(appended, old.refresh_token)).refresh_token)
        async with running_service(fresh_stores, tmp_path / "2.log", settings[2]) as moved:
            # The second rollout: the new secret writes on some, the others read it already.
            new = await ada.sign_in("new", service=moved)
            assert await appended.accepts(new.access_token)
            assert await moved.accepts(old.access_token)
            new = await refreshed(appended, new.refresh_token)
            new = await refreshed(moved, new.refresh_token)
            old = await refreshed(moved, old.refresh_token)
            assert fresh_stores.command("keys", "rewrap", **settings[2]).stdout == "1 keys sealed anew\n"
            assert await moved.accepts(new.access_token)
        await drop_the_old_secret(fresh_stores, tmp_path / "3.log", ada, refreshed_since=[new, old], idle=idle)


async def drop_the_old_secret(
    stores: Addresses, log: Path, ada: Person, *, refreshed_since: list[SignedIn], idle: SignedIn
) -> None:
    """Run on the new secret alone: what was refreshed since goes on, what was not is refused and counted."""
    async with running_service(stores, log, {"SIGNET_SECRET_KEYS": OTHER_SECRET}) as service:
        for pair in refreshed_since:
            assert await service.accepts(pair.access_token)
            assert await service.accepts((await refreshed(service, pair.refresh_token)).access_token)
        assert await service.accepts((await ada.sign_in(service=service)).access_token)

        refused = await refresh(service, idle.refresh_token)

        assert problem(refused) == (401, "refresh_token_refused")
        assert await total((service,), "signet_refresh_secret_unknown_total") == 1
