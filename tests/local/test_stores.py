"""Both stores for a test: they start, keep, crash, freeze and come back."""

from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import redis

from local.refusals import CannotStart
from local.stores import Stores, running
from tests.local.clients import ask, ask_valkey

pytestmark = pytest.mark.xdist_group("stores that crash")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    settings = {"work_mem": "5MB"}
    with running(
        tmp_path_factory.mktemp("stores"),
        max_connections=33,
        postgres_settings=settings,
        valkey_arguments=("--maxmemory", "77mb"),
    ) as stores:
        yield stores


@pytest.fixture
def both(shared: Stores) -> Stores:
    """Both stores up, whatever the test before did to them."""
    for server in (shared.postgres, shared.valkey):
        server.thaw()
        server.start()
    return shared


def test_postgres_is_the_real_one_and_the_service_owns_its_database_only(both: Stores) -> None:
    assert ask(both.postgres.url, "SELECT current_setting('server_version_num')::int / 10000") == 18
    assert ask(both.postgres.url, "SELECT current_user || ' ' || current_database()") == "signet signet"
    assert ask(both.postgres.url, "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = 'signet'") is False


def test_the_superuser_may_read_the_statistics_of_statements(both: Stores) -> None:
    assert ask(both.superuser_url, "SELECT usesuper FROM pg_user WHERE usename = current_user") is True
    assert ask(both.superuser_url, "SELECT count(*) > 0 FROM pg_stat_statements") is True


def test_case_is_unicodes_and_order_is_that_of_code_points(both: Stores) -> None:
    assert ask(both.postgres.url, "SELECT lower('ÄÉ') || ('Z' < 'a')::text") == "äétrue"


def test_settings_of_the_caller_reach_both_servers(both: Stores) -> None:
    assert ask(both.postgres.url, "SHOW max_connections") == "33"
    assert ask(both.postgres.url, "SHOW work_mem") == "5MB"
    assert ask_valkey(both.valkey.url, "CONFIG", "GET", "maxmemory") == {"maxmemory": str(77 * 2**20)}


def test_nobody_comes_in_without_the_right_password(both: Stores) -> None:
    stranger = both.postgres.url.replace("signet:", "signet:wrong", 1)
    with pytest.raises(asyncpg.InvalidPasswordError):
        ask(stranger, "SELECT 1")
    with pytest.raises(redis.AuthenticationError):
        ask_valkey(both.valkey.url.replace("://:", "://:wrong"), "PING")


def test_what_was_committed_survives_a_crash_of_postgres(both: Stores) -> None:
    ask(both.postgres.url, "CREATE TABLE kept AS SELECT 42 AS answer")

    both.postgres.kill()

    assert not both.postgres.is_running
    with pytest.raises(ConnectionRefusedError):
        ask(both.postgres.url, "SELECT 1")
    both.postgres.start()
    assert ask(both.postgres.url, "SELECT answer FROM kept") == 42


def test_a_killed_valkey_is_gone_and_comes_back_at_its_address(both: Stores) -> None:
    both.valkey.kill()

    with pytest.raises(redis.ConnectionError):
        ask_valkey(both.valkey.url, "PING")
    both.valkey.start()
    assert ask_valkey(both.valkey.url, "PING") is True


def test_a_stopped_server_comes_back_with_the_same_address(both: Stores) -> None:
    address = both.postgres.url

    both.postgres.stop()

    assert not both.postgres.is_running
    both.postgres.start()
    assert both.postgres.url == address
    assert ask(address, "SELECT 1") == 1


def test_a_frozen_postgres_answers_nobody_until_it_is_thawed(both: Stores) -> None:
    both.postgres.freeze()

    with pytest.raises(TimeoutError):
        ask(both.postgres.url, "SELECT 1", within=0.5)
    assert both.postgres.is_running
    both.postgres.thaw()
    assert ask(both.postgres.url, "SELECT 1") == 1


def test_a_frozen_valkey_answers_nobody_until_it_is_thawed(both: Stores) -> None:
    both.valkey.freeze()

    with pytest.raises(redis.TimeoutError):
        ask_valkey(both.valkey.url, "PING", within=0.5)
    both.valkey.thaw()
    assert ask_valkey(both.valkey.url, "PING") is True


@pytest.mark.parametrize("step", ["stop", "kill"])
def test_a_frozen_server_can_still_be_ended(both: Stores, step: str) -> None:
    both.postgres.freeze()

    getattr(both.postgres, step)()

    assert not both.postgres.is_running


def test_durable_data_is_there_the_next_time(folder: Path) -> None:
    with running(folder, durable=True) as stores:
        ask(stores.postgres.url, "CREATE TABLE kept AS SELECT 42 AS answer")
        ask_valkey(stores.valkey.url, "SET", "kept", "42")
        addresses = stores.postgres.url, stores.valkey.url

    with running(folder, durable=True) as stores:
        assert (stores.postgres.url, stores.valkey.url) == addresses
        assert ask(stores.postgres.url, "SELECT answer FROM kept") == 42
        assert ask_valkey(stores.valkey.url, "GET", "kept") == "42"


def test_passwords_are_in_files_that_only_their_owner_can_read(both: Stores) -> None:
    folder = both.postgres.folder.path
    secret = [path for path in folder.iterdir() if "password" in path.name or path.suffix == ".conf"]

    assert len(secret) == 4
    assert {path.stat().st_mode & 0o777 for path in secret} == {0o600}


def test_a_folder_in_use_is_refused_to_a_second_program(both: Stores) -> None:
    with pytest.raises(CannotStart, match=r"is in use by process \d+"), running(both.postgres.folder.path):
        pass
    assert ask(both.postgres.url, "SELECT 1") == 1


def test_data_of_another_major_version_is_left_alone(folder: Path) -> None:
    with running(folder, durable=True) as stores:
        version = stores.postgres.folder.path / "postgres" / "PG_VERSION"
    version.write_text("14\n")

    with (
        pytest.raises(CannotStart, match=r"made by PostgreSQL 14 and cannot be read by PostgreSQL 18"),
        running(folder, durable=True),
    ):
        pass

    version.write_text("18\n")
    with running(folder, durable=True) as stores:
        assert ask(stores.postgres.url, "SELECT 1") == 1


def test_a_setting_that_postgres_refuses_is_said_in_its_words(folder: Path) -> None:
    with (
        pytest.raises(CannotStart, match=r"PostgreSQL .* did not start: .*work_mem"),
        running(folder, postgres_settings={"work_mem": "much"}),
    ):
        pass


def test_a_setting_that_valkey_refuses_is_said_and_stops_postgres_too(folder: Path) -> None:
    with (
        pytest.raises(CannotStart, match=r"Valkey .* did not start"),
        running(folder, valkey_arguments=("--nonsense", "1")),
    ):
        pass
    with running(folder) as stores:
        assert ask_valkey(stores.valkey.url, "PING") is True
