"""python -m service: help, check, migrate, openapi."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from click.testing import CliRunner

from service.commands import cli
from service.storage.schema import NEEDED_LEVEL
from tests.kit.environment import Addresses
from tests.kit.programs import ROOT

COMMANDS = [
    [], ["serve"], ["dev"], ["migrate"], ["check"], ["openapi"],
    ["keys"], ["keys", "list"], ["keys", "rotate"], ["keys", "rewrap"],
    ["users"], ["users", "create"], ["users", "list"], ["users", "suspend"], ["users", "grant"],
]  # fmt: skip
NOBODY_LISTENS = "127.0.0.1:1"
NO_REDIS = {"SIGNET_REDIS_URL": f"redis://{NOBODY_LISTENS}"}
NO_POSTGRES = {"SIGNET_DATABASE_URL": f"postgresql://signet:signet@{NOBODY_LISTENS}/signet"}
NO_SCHEMA = "the database has no schema yet: run `python -m service migrate`"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command without any setting of the service."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SIGNET_")}
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        cwd=ROOT, env={**inherited, **environment}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_without_settings(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SIGNET_")]:
        monkeypatch.delenv(name)

    done = CliRunner().invoke(cli, [*command, "--help"], prog_name="python -m service")

    assert done.exit_code == 0
    usage, _, sentence = done.output.partition("\n\n")
    assert usage.startswith(f"Usage: {' '.join(['python -m service', *command])}")
    assert sentence.strip()[0].isupper()
    assert ".\n" in sentence


def test_the_program_itself_explains_itself() -> None:
    done = run("--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert {"check", "dev", "keys", "migrate", "openapi", "serve", "users"} <= set(done.stdout.split())


def test_an_unknown_command_is_a_sentence() -> None:
    done = run("sevre")

    assert done.returncode == 2
    assert "No such command 'sevre'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_description_needs_no_store_and_no_settings_not_even_right_ones() -> None:
    done = run("openapi", SIGNET_PORT="tcp://10.0.0.1:8000", SIGNET_SECRET_KEYS_FILE="/nowhere", **NO_POSTGRES)

    assert (done.returncode, done.stderr) == (0, "")
    description = json.loads(done.stdout)
    assert description["openapi"].startswith("3.1")
    assert "/v1/sessions" in description["paths"]


def test_check_says_that_all_is_well(fresh_stores: Addresses) -> None:
    done = fresh_stores.attempt("check")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "settings: ok\npostgres: ok\nsigning keys: ok\nredis: ok\n"


def test_check_names_each_store_that_is_away(fresh_stores: Addresses, bare_stores: Addresses) -> None:
    without_redis = fresh_stores.attempt("check", **NO_REDIS)
    without_postgres = fresh_stores.attempt("check", **NO_POSTGRES)
    without_schema = bare_stores.attempt("check")

    assert [done.returncode for done in (without_redis, without_postgres, without_schema)] == [1, 1, 1]
    assert [done.stderr for done in (without_redis, without_postgres, without_schema)] == ["", "", ""]
    assert without_redis.stdout.splitlines() == [
        "settings: ok",
        "postgres: ok",
        "signing keys: ok",
        "redis: can't be reached (ConnectionError); the service runs without it, slower",
    ]
    assert without_postgres.stdout.splitlines() == [
        "settings: ok",
        "postgres: can't be reached (ConnectionRefusedError)",
        "signing keys: can't be read: Postgres can't be used",
        "redis: ok",
    ]
    assert without_schema.stdout.splitlines() == [
        "settings: ok",
        f"postgres: {NO_SCHEMA}",
        "signing keys: can't be read: Postgres can't be used",
        "redis: ok",
    ]


def test_a_command_without_postgres_or_schema_is_a_sentence(fresh_stores: Addresses, bare_stores: Addresses) -> None:
    away = fresh_stores.attempt("users", "list", **NO_POSTGRES)
    bare = bare_stores.attempt("keys", "list")

    assert (away.returncode, bare.returncode) == (1, 1)
    assert away.stderr == "Error: Postgres can't be reached, or refuses; see `python -m service check`\n"
    assert bare.stderr == f"Error: {NO_SCHEMA}\n"


def test_a_command_works_without_redis(fresh_stores: Addresses) -> None:
    done = fresh_stores.attempt(
        "users", "create", "ada@example.com", "--password-file", "-", given="a perfectly fine password\n", **NO_REDIS
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_a_wrong_password_of_the_database_is_not_repeated(fresh_stores: Addresses) -> None:
    url = urlsplit(fresh_stores.database_url)
    wrong = urlunsplit(url._replace(netloc=f"{url.username}:hunter2-wrong@{url.hostname}:{url.port}"))

    for command in (["check"], ["migrate", "--wait", "0"]):
        done = fresh_stores.attempt(*command, SIGNET_DATABASE_URL=wrong)
        assert (command, done.returncode) == (command, 1)
        assert "hunter2" not in done.stdout + done.stderr


def migrated(stores: Addresses) -> str:
    """Migrate; gives what the log says was done. It says so, and all else, in lines of JSON."""
    lines = [json.loads(line) for line in stores.command("migrate").stdout.splitlines()]
    return str(lines[-1]["message"])


async def test_migrating_again_does_nothing(bare_stores: Addresses) -> None:
    first, second = migrated(bare_stores), migrated(bare_stores)

    assert first.startswith("migrated to level ")
    assert second == "nothing to do"
    connection = await asyncpg.connect(bare_stores.database_url)
    level = await connection.fetchval("SELECT schema_level FROM schema_state")
    await connection.close()
    assert first == f"migrated to level {level}"


async def test_a_build_older_than_the_schema_lets_it_be(fresh_stores: Addresses) -> None:
    connection = await asyncpg.connect(fresh_stores.database_url)
    await connection.execute("UPDATE schema_state SET schema_level = 1000, compatible_from = 999")
    await connection.close()

    done = fresh_stores.attempt("migrate")

    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        [f"Error: the schema needs builds of level 999, this one is of {NEEDED_LEVEL}: upgrade it"],
    )


def test_two_that_migrate_at_once_migrate_once(bare_stores: Addresses) -> None:
    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(lambda _: migrated(bare_stores), range(3)))

    others = [outcome for outcome in outcomes if not outcome.startswith("migrated to level ")]
    assert len(others) == len(outcomes) - 1
    assert set(others) <= {"another process migrated meanwhile", "nothing to do"}


def test_migrating_waits_as_long_as_it_was_told(fresh_stores: Addresses) -> None:
    done = fresh_stores.attempt("migrate", "--wait", "1", **NO_POSTGRES)

    assert done.returncode == 1
    assert done.stderr == "Error: Postgres did not answer within 1 s (ConnectionRefusedError)\n"
