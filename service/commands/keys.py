"""keys list, rotate, rewrap."""

import click

from service.commands.running import with_parts


@click.group()
def keys() -> None:
    """Signing keys: list them, give them a successor, seal them with a new secret."""


@keys.command("list")
def list_keys() -> None:
    """List the signing keys: id, algorithm, since when each signs and when it goes."""
    stored = with_parts(lambda parts: parts.operations.rotating.listed())
    if not stored:
        click.echo("no signing key yet; the first process that serves makes one")
    for key in stored:
        until = key.retired_at.isoformat(timespec="seconds") if key.retired_at else "-"
        click.echo(
            f"{key.key_id}  {key.algorithm}  signs from {key.active_at.isoformat(timespec='seconds')}  gone {until}"
        )


@keys.command()
@click.option("--now", is_flag=True, help="Sign with it at once; for a key that may be known to others.")
def rotate(*, now: bool) -> None:
    """Publish a successor; it signs after SIGNET_KEY_LEAD, when every verifier has it."""
    click.echo(f"published {with_parts(lambda parts: parts.operations.rotating.rotate(at_once=now))}")


@keys.command()
def rewrap() -> None:
    """Seal every private key with the first of SIGNET_SECRET_KEYS; then the others can be dropped."""
    click.echo(f"{with_parts(lambda parts: parts.operations.rotating.rewrap())} keys sealed anew")
