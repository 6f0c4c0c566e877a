"""python -m service keys list, rotate, rewrap."""

import re

import asyncpg

from tests.kit.environment import SECRET, Addresses
from tests.kit.mint import mints
from tests.kit.signing_keys import key_rows

OTHER_SECRET = "an0ther-S3cret-For-Tests-With-Plenty-Of-Symbols"
LINE = re.compile(r"([0-9a-f]{32})  (ES256|RS256)  signs from (\S+)  gone (\S+)")


def listed(stores: Addresses, **settings: str) -> list[tuple[str, str, str, str]]:
    output = stores.command("keys", "list", **settings).stdout
    return LINE.findall(output)


async def test_the_list_names_each_key_in_the_order_in_which_they_sign(
    fresh_stores: Addresses, fresh_database: asyncpg.Connection
) -> None:
    fresh_stores.command("keys", "rotate")
    fresh_stores.command("keys", "rotate", "--now", SIGNET_TOKEN_ALGORITHM="RS256")

    rows = await key_rows(fresh_database)

    assert [row["algorithm"] for row in rows] == ["ES256", "RS256"]
    assert listed(fresh_stores) == [
        (
            row["kid"],
            row["algorithm"],
            row["active_at"].isoformat(timespec="seconds"),
            row["retired_at"].isoformat(timespec="seconds") if row["retired_at"] else "-",
        )
        for row in rows
    ]


async def test_the_list_of_no_keys_is_a_sentence(fresh_stores: Addresses) -> None:
    done = fresh_stores.command("keys", "list")

    assert done.stdout == "no signing key yet; the first process that serves makes one\n"


async def test_the_list_needs_no_secret_that_opens_the_keys(fresh_stores: Addresses) -> None:
    fresh_stores.command("keys", "rotate")

    assert len(listed(fresh_stores, SIGNET_SECRET_KEYS=OTHER_SECRET)) == 1


async def test_rotate_publishes_a_successor_for_later_and_gives_the_former_key_an_end(
    fresh_stores: Addresses, fresh_database: asyncpg.Connection
) -> None:
    fresh_stores.command("keys", "rotate")

    done = fresh_stores.command("keys", "rotate", SIGNET_KEY_LEAD="2h")

    former, successor = await key_rows(fresh_database)
    assert done.stdout == f"published {successor['kid']}\n"
    assert 7190 < (successor["active_at"] - successor["created_at"]).total_seconds() <= 7200.01
    assert successor["retired_at"] is None
    # The last token of the former key is signed when the successor starts; then it lives, with leeway and margin.
    outlives = (former["retired_at"] - successor["active_at"]).total_seconds()
    assert 600 + 5 < outlives < 600 + 5 + 120


async def test_the_very_first_key_signs_at_once_even_when_asked_to_wait(
    fresh_stores: Addresses, fresh_database: asyncpg.Connection
) -> None:
    fresh_stores.command("keys", "rotate")

    (only,) = await key_rows(fresh_database)
    assert only["active_at"] <= await fresh_database.fetchval("SELECT clock_timestamp()")
    assert only["retired_at"] is None


async def test_rotate_now_is_written_down_with_its_kid(
    fresh_stores: Addresses, fresh_database: asyncpg.Connection
) -> None:
    fresh_stores.command("keys", "rotate", "--now")

    (event,) = await fresh_database.fetch("SELECT kind, actor_id, details FROM audit_events")
    (only,) = await key_rows(fresh_database)
    assert (event["kind"], event["actor_id"]) == ("key.rotated", None)
    assert only["kid"] in event["details"]


async def test_rewrap_seals_with_the_first_secret_what_another_one_had_sealed(
    fresh_stores: Addresses, fresh_database: asyncpg.Connection
) -> None:
    fresh_stores.command("keys", "rotate")
    fresh_stores.command("keys", "rotate")
    before = [mint.public_pem for mint in await mints(fresh_database)]
    both = f"{OTHER_SECRET} {SECRET}"

    first = fresh_stores.command("keys", "rewrap", SIGNET_SECRET_KEYS=both)
    second = fresh_stores.command("keys", "rewrap", SIGNET_SECRET_KEYS=both)

    assert (first.stdout, second.stdout) == ("2 keys sealed anew\n", "0 keys sealed anew\n")
    assert [mint.public_pem for mint in await mints(fresh_database, OTHER_SECRET)] == before


async def test_rewrap_without_the_secret_that_sealed_changes_nothing_and_says_why(
    fresh_stores: Addresses, fresh_database: asyncpg.Connection
) -> None:
    fresh_stores.command("keys", "rotate")
    before = await key_rows(fresh_database)

    done = fresh_stores.attempt("keys", "rewrap", SIGNET_SECRET_KEYS=OTHER_SECRET)

    assert done.returncode == 1
    assert done.stdout == ""
    assert one_sentence(done.stderr).startswith(f"Error: signing key {before[0]['kid']} can't be decrypted")
    assert await key_rows(fresh_database) == before


async def test_what_is_sealed_for_one_key_cannot_be_moved_to_another(
    fresh_stores: Addresses, fresh_database: asyncpg.Connection
) -> None:
    fresh_stores.command("keys", "rotate")
    fresh_stores.command("keys", "rotate")
    await fresh_database.execute(
        "UPDATE signing_keys SET sealed_private = (SELECT sealed_private FROM signing_keys ORDER BY active_at LIMIT 1)"
    )

    done = fresh_stores.attempt("keys", "rewrap", SIGNET_SECRET_KEYS=f"{OTHER_SECRET},{SECRET}")

    assert done.returncode == 1
    assert "can't be decrypted" in one_sentence(done.stderr)


def one_sentence(stderr: str) -> str:
    """Return the one line there is; a stack trace has many."""
    (line,) = stderr.splitlines()
    return line
