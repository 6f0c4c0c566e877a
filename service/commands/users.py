"""users create, list, suspend, grant."""

import re
import secrets
import sys
from pathlib import Path
from uuid import UUID

import click
from pydantic import ValidationError

from service.commands.running import with_parts
from service.setting_kinds import ROLE_PATTERN
from service.users import records
from service.users.change_records import Expected
from service.users.emails import NotAnEmail, email_key
from service.users.listing import Filters
from service.users.problems import EmailTaken
from service.users.records import UserRow
from service.users.registering import Asking
from service.users.shapes import NewUser
from service.wiring import Parts


@click.group()
def users() -> None:
    """Users: create the first one, list them, suspend one, grant a role."""


@users.command()
@click.argument("email")
@click.option("--role", "roles", multiple=True, help="Give this role; may be repeated.")
@click.option(
    "--password-file", type=click.Path(path_type=Path), help="File with the password; - reads standard input."
)
@click.option("--if-absent", is_flag=True, help="An existing account is no error; it is never changed nor promoted.")
def create(email: str, roles: tuple[str, ...], password_file: Path | None, *, if_absent: bool) -> None:
    """Create a user with a verified address. Without a file the password is random and shown once."""
    password = _read_password(password_file)
    raw_password = secrets.token_urlsafe(18) if password is None else password
    body = _body_or_refuse(email, raw_password, roles)

    async def work(parts: Parts) -> UserRow | None:
        try:
            return await parts.operations.registering.register(body, Asking(None, is_admin=True, address=""))
        except EmailTaken:
            return None

    user = with_parts(work)
    if user is not None:
        click.echo(f"created {email} ({user.id})" + (f" with password {raw_password}" if password is None else ""))
    elif if_absent:
        click.echo(f"{email} exists already; left as it is")
    else:
        raise click.ClickException(f"{email} exists already")


@users.command("list")
@click.option("--search", help="Beginning of a word of address or name.")
@click.option("--role", help="Only users with this role.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
def list_users(search: str | None, role: str | None, limit: int) -> None:
    """List users, newest first."""
    page, behind = with_parts(lambda parts: parts.operations.directory.page(Filters(search, None, role), None, limit))
    for user in page:
        click.echo(f"{user.id}  {user.status:9}  {user.email or '-'}  {','.join(user.roles)}")
    if behind is not None:
        click.echo(f"(the first {limit}; there are more)", err=True)


@users.command()
@click.argument("user")
@click.option("--reason", help="Kept in the audit trail.")
def suspend(user: str, reason: str | None) -> None:
    """Suspend a user (address or id): every session ends."""

    async def work(parts: Parts) -> UserRow:
        found = await _find(parts, user)
        return await parts.operations.standing.suspend(found.id, None, reason)

    _say(with_parts(work))


@users.command()
@click.argument("user")
@click.argument("role")
def grant(user: str, role: str) -> None:
    """Give a user (address or id) a role beside those they have."""
    _check_role(role)

    async def work(parts: Parts) -> UserRow:
        found = await _find(parts, user)
        return await parts.operations.standing.set_roles(found.id, None, [*found.roles, role], Expected(found.version))

    _say(with_parts(work))


async def _find(parts: Parts, user: str) -> UserRow:
    try:
        key = email_key(user)
    except NotAnEmail:
        user_id = _id_or_none(user)
        found = await parts.stores.database.read(records.find, user_id) if user_id else None
    else:
        found = await parts.stores.database.read(records.find_by_key, key)
    if found is None:
        raise click.ClickException(f"{user} is nobody here")
    return found


def _id_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _body_or_refuse(email: str, raw_password: str, roles: tuple[str, ...]) -> NewUser:
    for role in roles:
        _check_role(role)
    try:
        return NewUser(email=email, password=raw_password, roles=list(roles), email_verified=True)
    except ValidationError as error:
        fault = error.errors()[0]
        message = str(fault["msg"]).removeprefix("Value error, ")
        raise click.ClickException(f"{fault['loc'][0]}: {message}") from None


def _check_role(role: str) -> None:
    if not re.fullmatch(ROLE_PATTERN, role):
        raise click.ClickException(f"{role!r} is not a role name: lower-case letters, digits and : _ - behind a letter")


def _say(user: UserRow) -> None:
    click.echo(f"{user.id}  {user.status}  {','.join(user.roles)}")


def _read_password(file: Path | None) -> str | None:
    """Read the first line, as it stands but for its end; None when there is no file."""
    if file is None:
        return None
    try:
        raw = sys.stdin.buffer.readline() if str(file) == "-" else file.read_bytes().split(b"\n")[0]
        password = raw.rstrip(b"\r\n").decode("utf-8")
    except OSError as error:
        raise click.ClickException(f"{file} can't be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise click.ClickException(f"{file} is not text in UTF-8") from None
    if not password:
        raise click.ClickException(f"{file} has no password in its first line")
    return password
