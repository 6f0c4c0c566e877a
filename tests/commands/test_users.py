"""python -m service users create, list, suspend, grant."""

import re

import asyncpg
import pytest
from click.testing import CliRunner

from service.commands import cli
from tests.kit.environment import Addresses
from tests.kit.people import Person, new_person, problem
from tests.kit.services import Service
from tests.kit.waiting import eventually

NO_ROLE = "is not a role name: lower-case letters, digits and : _ - behind a letter"
ROOT_PASSWORD = "the operator's own password"


def refusal(stores: Addresses, *arguments: str, given: str = "") -> str:
    """Run a command that is refused; gives its one sentence."""
    done = stores.attempt("users", *arguments, given=given)
    assert (done.returncode, done.stdout) == (1, ""), done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")


def create(stores: Addresses, email: str, *options: str, password: str = ROOT_PASSWORD) -> str:
    """Create a user with a password from standard input; gives what was printed."""
    return stores.command("users", "create", email, "--password-file", "-", *options, given=password + "\n").stdout


async def test_the_first_admin_is_created_here_and_signs_in(service: Service, stores: Addresses) -> None:
    printed = create(stores, "root@example.com", "--role", "admin", "--role", "support")

    root = await Person(service, "root@example.com", ROOT_PASSWORD).known()
    assert printed == f"created root@example.com ({root.id})\n"
    assert root.profile["roles"] == ["admin", "support"]
    assert root.profile["email_verified"] is True


async def test_without_a_password_one_is_made_and_shown_once(service: Service, stores: Addresses) -> None:
    printed = stores.command("users", "create", "root@example.com").stdout

    shown = re.fullmatch(r"created root@example.com \(\S+\) with password (\S{24})\n", printed)
    assert shown, printed
    await Person(service, "root@example.com", shown[1]).sign_in()


async def test_a_password_file_is_read_as_it_stands(
    service: Service, stores: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("password") / "password"
    file.write_bytes(b"  spaces are part of it \r\nwhat stands below is not\n")

    stores.command("users", "create", "root@example.com", "--password-file", str(file))

    await Person(service, "root@example.com", "  spaces are part of it ").sign_in()


async def test_an_existing_account_is_never_promoted_nor_changed(
    service: Service, stores: Addresses, database: asyncpg.Connection
) -> None:
    ada = await new_person(service, "Ada@example.com")
    before = await database.fetchrow("SELECT * FROM users")

    kept = create(stores, "ada@EXAMPLE.com", "--role", "admin", "--if-absent")
    refused = refusal(stores, "create", "ada@example.com", "--role", "admin", "--password-file", "-", given="x" * 20)

    assert kept == "ada@EXAMPLE.com exists already; left as it is\n"
    assert refused == "ada@example.com exists already"
    assert await database.fetchrow("SELECT * FROM users") == before
    assert await database.fetchval("SELECT count(*) FROM user_roles") == 0
    await ada.sign_in()


async def test_an_absent_account_is_created_also_with_if_absent(service: Service, stores: Addresses) -> None:
    printed = create(stores, "root@example.com", "--role", "admin", "--if-absent")

    root = await Person(service, "root@example.com", ROOT_PASSWORD).known()
    assert printed == f"created root@example.com ({root.id})\n"
    assert root.profile["roles"] == ["admin"]


@pytest.mark.parametrize(
    ("arguments", "given", "sentence"),
    [
        (["not an address"], b"x", "email: this is not an email address that mail can be sent to"),
        (["ada@localhost"], b"x", "email: this is not an email address that mail can be sent to"),
        (["ada@example.com", "--role", "Admin"], b"x", f"'Admin' {NO_ROLE}"),
        (["ada@example.com"], b"\n", "- has no password in its first line"),
        (["ada@example.com"], b"\xff\xfe\n", "- is not text in UTF-8"),
        (["ada@example.com"], b"x" * 2000, "password: String should have at most 1024 characters"),
        (
            ["ada@example.com", "--password-file", "/nowhere"],
            b"",
            "/nowhere can't be read (No such file or directory)",
        ),
    ],
)
def test_what_cannot_be_created_is_a_sentence_before_any_store_is_asked(
    arguments: list[str], given: bytes, sentence: str
) -> None:
    options = [] if "--password-file" in arguments else ["--password-file", "-"]

    done = CliRunner().invoke(cli, ["users", "create", *arguments, *options], input=given)

    assert (done.exit_code, done.output) == (1, f"Error: {sentence}\n")


def test_granting_what_is_no_role_is_a_sentence_before_any_store_is_asked() -> None:
    done = CliRunner().invoke(cli, ["users", "grant", "root@example.com", "Not A Role"])

    assert (done.exit_code, done.output) == (1, f"Error: 'Not A Role' {NO_ROLE}\n")


def test_a_password_that_nobody_should_have_is_a_sentence(stores: Addresses) -> None:
    create = ("create", "ada@example.com", "--password-file", "-")

    assert refusal(stores, *create, given="short\n").endswith("A password has at least 8 characters.")
    assert "one of the most common ones" in refusal(stores, *create, given="password123\n")


async def test_users_are_listed_newest_first_and_found(service: Service, stores: Addresses) -> None:
    people = [await new_person(service, f"person{number}@example.com") for number in range(3)]
    stores.command("users", "grant", "person1@example.com", "support")

    listed = stores.command("users", "list").stdout.splitlines()

    assert [line.split() for line in listed] == [
        [people[2].id, "active", "person2@example.com"],
        [people[1].id, "active", "person1@example.com", "support"],
        [people[0].id, "active", "person0@example.com"],
    ]
    found = stores.command("users", "list", "--search", "person1").stdout
    assert found.split()[:3] == [people[1].id, "active", "person1@example.com"]
    assert stores.command("users", "list", "--role", "support").stdout == found
    limited = stores.command("users", "list", "--limit", "2")
    assert limited.stdout.splitlines() == listed[:2]
    assert limited.stderr == "(the first 2; there are more)\n"


async def test_granting_adds_a_role_and_outdates_the_tokens_of_the_former_ones(
    service: Service, stores: Addresses, ada: Person
) -> None:
    token = (await ada.sign_in()).access_token

    first = stores.command("users", "grant", ada.email, "support").stdout
    second = stores.command("users", "grant", ada.id, "billing:read").stdout
    again = stores.command("users", "grant", ada.id, "support").stdout

    assert first == f"{ada.id}  active  support\n"
    assert second == again == f"{ada.id}  active  billing:read,support\n"
    await eventually(service.refuses, token, within=1)
    assert await service.accepts((await ada.sign_in()).access_token)


async def test_suspending_ends_every_session(service: Service, stores: Addresses, ada: Person) -> None:
    token = (await ada.sign_in()).access_token

    printed = stores.command("users", "suspend", ada.email, "--reason", "abuse report").stdout

    assert printed == f"{ada.id}  suspended  \n"
    await eventually(service.refuses, token, within=1)
    refused = await service.post("/v1/sessions", json={"email": ada.email, "password": ada.password})
    assert problem(refused) == (403, "user_suspended")


async def test_what_cannot_be_done_to_a_user_is_said_in_a_sentence(
    service: Service, stores: Addresses, ada: Person, database: asyncpg.Connection
) -> None:
    create(stores, "root@example.com", "--role", "admin")
    closed = await ada.sign_in()
    assert (await service.delete("/v1/users/me", token=closed.access_token)).status_code == 204

    assert refusal(stores, "suspend", "nobody@example.com") == "nobody@example.com is nobody here"
    assert refusal(stores, "suspend", "garbage") == "garbage is nobody here"
    assert "last" in refusal(stores, "suspend", "root@example.com")
    assert "closed" in refusal(stores, "grant", ada.id, "support")
    assert await database.fetchval("SELECT count(*) FROM user_roles") == 1
